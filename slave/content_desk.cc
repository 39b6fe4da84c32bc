#include "slave/content_desk.hh"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/status.hpp>

#include "common/http/backend_request.hh"
#include "common/http/fields.hh"
#include "common/wire/tcp_segment.hh"

namespace flagfall::slave {
namespace {

void put(std::string_view text, ByteWriter& out) {
  out.bytes(as_bytes(text));
}

void put(std::uint64_t number, ByteWriter& out) {
  const fmt::format_int digits(number);
  put(std::string_view(digits.data(), digits.size()), out);
}

void put_blanks(std::size_t count, ByteWriter& out) {
  constexpr std::string_view kBlanks = "                                ";
  for (; count > kBlanks.size(); count -= kBlanks.size()) put(kBlanks, out);
  put(kBlanks.substr(0, count), out);
}

/// Whether the server's field goes on: not what ends at this hop, or is said anew.
bool passes(std::string_view fields, std::string_view name) {
  if (http::hop_by_hop(name) || http::same_name(name, "Content-Length")) return false;
  while (const auto field = http::take_field(fields))
    if (http::same_name(field->name, "Connection") && http::lists(field->value, name)) return false;
  return true;
}

/// All of it, with `blanks` behind the value of Via: the field that nobody reads.
void write(const http::Response& response, bool close, std::size_t blanks, ByteWriter& out) {
  namespace beast = boost::beast::http;
  const beast::status status = beast::int_to_status(response.status);
  const auto reason = status == beast::status::unknown ? "" : beast::obsolete_reason(status);
  put("HTTP/1.1 ", out);
  put(response.status, out);
  put(" ", out);
  put({reason.data(), reason.size()}, out);
  put("\r\n", out);
  for (std::string_view lines = response.fields; out.ok() && !lines.empty();) {
    const auto field = http::take_field(lines);
    if (!field) break;
    if (!passes(response.fields, field->name)) continue;
    put(field->name, out);
    put(": ", out);
    put(field->value, out);
    put("\r\n", out);
  }
  put("Via: ", out);
  put(http::kVia, out);
  put_blanks(blanks, out);
  if (!response.bodiless) {
    put("\r\nContent-Length: ", out);
    put(response.content.size(), out);
  }
  put(close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n", out);
  put(response.content, out);
}

}  // namespace

Bytes write_padded(const wire::OrderContent& content, MutableBytes room) {
  if (content.length > room.size()) return {};
  ByteWriter out(room.first(content.length));
  out.bytes(content.redirect.first(content.blanks));
  put_blanks(content.length - content.redirect.size(), out);
  out.bytes(content.redirect.subspan(content.blanks));
  return out.written();
}

bool write_content(const http::Response& response, bool close, MutableBytes out) {
  ByteWriter tight(out);
  write(response, close, 0, tight);
  if (!tight.ok()) return false;
  const std::size_t blanks = tight.left();
  ByteWriter padded(out);
  if (blanks > 0) write(response, close, blanks, padded);
  return true;
}

std::size_t write_segment(const Endpoint& source, const Endpoint& client, const wire::OrderSegment& segment,
                          Bytes payload, MutableBytes room) {
  // What is early is thrown away by who has it, so it may be anything.
  std::array<std::uint8_t, kMaxPacket> with_early;  // NOLINT(*-member-init): as much as is needed is written
  if (segment.early > 0) {
    if (segment.early + payload.size() > with_early.size()) return 0;
    std::fill_n(with_early.begin(), segment.early, std::uint8_t{0});
    std::ranges::copy(payload, with_early.begin() + segment.early);
    payload = Bytes(with_early).first(segment.early + payload.size());
  }
  return wire::write_tcp_packet(
      {.source = source,
       .destination = client,
       .sequence = segment.sequence,
       .acknowledgement = segment.acknowledgement,
       .window = segment.window,
       .timestamps =
           segment.early > 0 ? std::nullopt : std::optional(wire::TcpTimestamps{segment.timestamp, 0}),
       .payload = payload},
      room);
}

void ContentDesk::answered(const ContentWish& wish, const http::Response& response) {
  ++end_of(wish, response);
}

Counter& ContentDesk::end_of(const ContentWish& wish, const http::Response& response) {
  // A part was not asked for, and an error is no reason to keep the client from the other servers.
  if (response.status >= 400 || response.status == 206) return counters_.failed;
  std::array<std::uint8_t, kMaxPacket> room;  // NOLINT(*-member-init): all that is used is written
  const MutableBytes payload = MutableBytes(room).first(wish.length);
  if (!write_content(response, wish.close, payload)) return counters_.too_long;
  if (pool_.turn(wish.shot) != wish.turn) return counters_.too_late;
  const auto slot = pool_.take();
  if (!slot) return counters_.failed;
  const std::size_t length =
      write_segment(wish.source, wish.client, wish.segment, payload, pool_.answer(*slot));
  pool_[*slot].length = static_cast<std::uint16_t>(length);
  if (length > 0 && pool_.offer(wish.shot, *slot)) return counters_.ready;
  pool_.give_back(*slot);
  return counters_.too_late;
}

}  // namespace flagfall::slave
