// Any octets of a site's HTTP server: the reader ends or asks for more, in the same way whatever pieces they
// come in, and what a client gets of an answer is one whole response of the segment's length, and nothing
// behind it.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/http/fields.hh"
#include "common/http/response_reader.hh"
#include "slave/content_desk.hh"

namespace {

using flagfall::http::ResponseReader;
using State = ResponseReader::State;

void require(bool good) {
  if (!good) std::abort();
}

State read(ResponseReader& reader, std::string_view octets, std::size_t step) {
  State state = State::more;
  while (!octets.empty() && state == State::more) {
    const auto room = reader.room();
    const std::size_t n = std::min({octets.size(), step, room.size()});
    require(n > 0);
    std::copy_n(octets.begin(), n, room.begin());
    octets.remove_prefix(n);
    state = reader.received(n);
  }
  return state;
}

/// The segment is read back as one answer with the same content.
void check_segment(const flagfall::http::Response& response, bool close, std::size_t length) {
  std::string segment(length, '?');
  auto* const room = reinterpret_cast<std::uint8_t*>(segment.data());
  if (!flagfall::slave::write_content(response, close, {room, segment.size()})) return;
  ResponseReader again;
  require(read(again, segment, SIZE_MAX) == State::done);
  require(again.response().status == response.status);
  require(again.response().content == response.content);
  require(again.response().keep_alive == !close);
  std::string_view lines = again.response().fields;
  while (const auto field = flagfall::http::take_field(lines))
    require(!flagfall::http::hop_by_hop(field->name) || flagfall::http::same_name(field->name, "Connection"));
  require(lines.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data + 1), size - 1);
  ResponseReader whole, pieces;
  const State state = read(whole, octets, SIZE_MAX);
  const State other = read(pieces, octets, 1U + data[0] % 64);
  // In pieces an answer may be done before what is too much behind it has come.
  if (state != State::done) {
    require(other == state || (state == State::bad && other == State::done) ||
            (state == State::too_long || other == State::too_long));
    return 0;
  }
  require(other == State::done);
  require(whole.response().content == pieces.response().content);
  require(whole.response().fields == pieces.response().fields);
  require(whole.response().content.size() <= ResponseReader::kMostContent);
  for (const std::size_t length : {200U, 600U, 1208U})
    check_segment(whole.response(), (data[0] & 64U) != 0, length);
  return 0;
}
