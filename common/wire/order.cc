#include "common/wire/order.hh"

#include <cassert>
#include <limits>

#include "common/wire/limits.hh"

namespace flagfall::wire {
namespace {

constexpr std::uint8_t kFlagIpv6 = 1;
constexpr std::uint8_t kFlagCookie = 2;
constexpr std::uint8_t kFlagEcho = 4;
constexpr std::uint8_t kFlagBeacon = 8;
constexpr std::uint8_t kFlagShadow = 16;
constexpr std::uint8_t kFlagSegment = 32;
constexpr std::uint8_t kFlagPrompt = 64;
constexpr std::uint8_t kFlagContent = 128;
// race, instant, service, address, flags, port, request length
constexpr std::size_t kOrderFixed = 8 + 8 + 2 + 1 + 1 + 2 + 2;
constexpr std::size_t kSegment = 4 + 4 + 4 + 2 + 1;
// length, place of the blanks, ending, length of the redirect
constexpr std::size_t kContent = 2 + 2 + 1 + 2;
constexpr std::uint8_t kClose = 1;

std::uint8_t flags_of(const Order& order) {
  return static_cast<std::uint8_t>((order.client.ip.family == Family::v6 ? kFlagIpv6 : 0) |
                                   (order.server_cookie.empty() ? 0 : kFlagCookie) |
                                   (order.echo ? kFlagEcho : 0) | (order.beacon ? kFlagBeacon : 0) |
                                   (order.shadow ? kFlagShadow : 0) | (order.segment ? kFlagSegment : 0) |
                                   (order.prompt ? kFlagPrompt : 0) | (order.content ? kFlagContent : 0));
}

/// False: it is nothing that a master writes.
bool read_content(ByteReader& reader, OrderContent& out) {
  out.length = reader.u16();
  out.blanks = reader.u16();
  const std::uint8_t ending = reader.u8();
  out.close = ending == kClose;
  out.redirect = reader.sized();
  return ending <= kClose && !out.redirect.empty() && out.redirect.size() <= out.length &&
         out.blanks <= out.redirect.size();
}

/// Times a reader accepts: later arithmetic on them cannot overflow.
bool plausible(RefTime t) {
  return to_ns(t) >= 0 && to_ns(t) <= kMaxTime;
}

}  // namespace

std::size_t order_size(const Order& order) {
  return kOrderFixed + order.client.ip.size() + order.server_cookie.size() + (order.segment ? kSegment : 0) +
         (order.content ? kContent + order.content->redirect.size() : 0) + order.request.size();
}

OrderWriter::OrderWriter(MutableBytes room, RefTime sent) : room_(room) {
  if (room.size() < kOrdersHeader) return;
  ByteWriter writer(room_);
  writer.i64(to_ns(sent));
  writer.u16(0);
  used_ = kOrdersHeader;
}

bool OrderWriter::add(const Order& order) {
  assert(order.server_cookie.empty() || order.server_cookie.size() == kOrderCookie);
  assert(!order.content || order.segment);
  const std::size_t size = order_size(order);
  if (used_ == 0 || size > room_.size() - used_ || count_ == std::numeric_limits<std::uint16_t>::max())
    return false;
  if (order.request.size() > std::numeric_limits<std::uint16_t>::max()) return false;
  ByteWriter writer(room_.subspan(used_, size));
  writer.u64(order.race);
  writer.i64(to_ns(order.instant));
  writer.u16(order.service);
  writer.u8(order.address);
  writer.u8(flags_of(order));
  writer.u16(order.client.port);
  writer.bytes(order.client.ip.bytes());
  writer.bytes(order.server_cookie);
  if (order.segment) {
    writer.u32(order.segment->sequence);
    writer.u32(order.segment->acknowledgement);
    writer.u32(order.segment->timestamp);
    writer.u16(order.segment->window);
    writer.u8(order.segment->early);
  }
  if (order.content) {
    writer.u16(order.content->length);
    writer.u16(order.content->blanks);
    writer.u8(order.content->close ? kClose : 0);
    writer.sized(order.content->redirect);
  }
  writer.sized(order.request);
  assert(writer.ok() && writer.left() == 0);
  used_ += size;
  ++count_;
  ByteWriter(room_.subspan(8, 2)).u16(count_);
  return true;
}

void OrderWriter::stamp(RefTime sent) {
  if (used_ > 0) ByteWriter(room_.first(8)).i64(to_ns(sent));
}

OrderReader::OrderReader(Bytes plaintext)
    : reader_(plaintext),
      sent_(from_ns<RefTime>(reader_.i64())),
      left_(reader_.u16()),
      ok_(reader_.ok() && plausible(sent_)) {}

bool OrderReader::next(Order& out) {
  if (!ok_) return false;
  if (left_ == 0) {
    ok_ = reader_.done();
    return false;
  }
  --left_;
  out.race = reader_.u64();
  out.instant = from_ns<RefTime>(reader_.i64());
  out.service = reader_.u16();
  out.address = reader_.u8();
  const std::uint8_t flags = reader_.u8();
  out.echo = (flags & kFlagEcho) != 0;
  out.beacon = (flags & kFlagBeacon) != 0;
  out.shadow = (flags & kFlagShadow) != 0;
  out.prompt = (flags & kFlagPrompt) != 0;
  out.client.port = reader_.u16();
  const Bytes address = reader_.bytes((flags & kFlagIpv6) != 0 ? 16 : 4);
  out.server_cookie = (flags & kFlagCookie) != 0 ? reader_.bytes(kOrderCookie) : Bytes{};
  out.segment.reset();
  if ((flags & kFlagSegment) != 0) {
    OrderSegment& s = out.segment.emplace();
    s.sequence = reader_.u32();
    s.acknowledgement = reader_.u32();
    s.timestamp = reader_.u32();
    s.window = reader_.u16();
    s.early = reader_.u8();
  }
  out.content.reset();
  bool whole = true;
  if ((flags & kFlagContent) != 0) whole = out.segment && read_content(reader_, out.content.emplace());
  out.request = reader_.sized();
  ok_ = reader_.ok() && plausible(out.instant) && whole;
  if (ok_) out.client.ip = ip_from_bytes(address);
  return ok_;
}

}  // namespace flagfall::wire
