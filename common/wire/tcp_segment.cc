#include "common/wire/tcp_segment.hh"

#include <cassert>

#include "common/wire/ip_header.hh"

namespace flagfall::wire {
namespace {

constexpr std::size_t kTcpHeader = 20;
constexpr std::size_t kTimestampOption = 12;  // with two octets of padding before it (RFC 7323, appendix A)
constexpr std::uint8_t kPsh = 0x08;
constexpr std::uint8_t kNop = 1;
constexpr std::uint8_t kSack = 5;
constexpr std::uint8_t kTimestamps = 8;

void write_tcp_header(const TcpSegment& segment, std::uint16_t checksum, ByteWriter& out) {
  const std::size_t words = (kTcpHeader + (segment.timestamps ? kTimestampOption : 0)) / 4;
  out.u16(segment.source.port);
  out.u16(segment.destination.port);
  out.u32(segment.sequence);
  out.u32(segment.acknowledgement);
  out.u8(static_cast<std::uint8_t>(words << 4));
  out.u8(kTcpAck | kPsh);
  out.u16(segment.window);
  out.u16(checksum);
  out.u16(0);  // urgent pointer
  if (!segment.timestamps) return;
  out.u8(kNop);
  out.u8(kNop);
  out.u8(kTimestamps);
  out.u8(10);
  out.u32(segment.timestamps->value);
  out.u32(segment.timestamps->echo);
}

/// The rest of what the options say; false: they do not fit together.
bool read_options(Bytes options, TcpView& out) {
  ByteReader r(options);
  while (r.ok() && r.left() > 0) {
    const std::uint8_t kind = r.u8();
    if (kind == 0) return true;  // end of options
    if (kind == kNop) continue;
    const std::uint8_t length = r.u8();
    if (length < 2) return false;
    ByteReader value(r.bytes(length - 2U));
    if (!r.ok()) return false;
    if (kind == kTimestamps) {
      if (length != 10) return false;
      const std::uint32_t own = value.u32();
      out.timestamps = TcpTimestamps{own, value.u32()};
    }
    if (kind != kSack) continue;
    if (value.left() % 8 != 0) return false;
    while (value.left() > 0 && out.sacks < out.sack.size()) {
      const std::uint32_t begin = value.u32();
      out.sack.at(out.sacks++) = {begin, value.u32()};
    }
  }
  return r.ok();
}

}  // namespace

std::size_t write_tcp_packet(const TcpSegment& segment, MutableBytes room) {
  const std::size_t header = kTcpHeader + (segment.timestamps ? kTimestampOption : 0);
  const std::size_t length = header + segment.payload.size();
  const std::size_t most = segment.source.ip.family == Family::v4 ? 0xffff - kIpv4Header : 0xffff;
  const std::size_t whole = ip_header_size(segment.source.ip.family) + length;
  if (length > most || room.size() < whole) return 0;
  std::array<std::uint8_t, kTcpHeader + kTimestampOption> summed{};
  ByteWriter blank(summed);
  write_tcp_header(segment, 0, blank);
  const auto sized = static_cast<std::uint16_t>(length);
  TransportChecksum sum(segment.source.ip, segment.destination.ip, kProtocolTcp, sized);
  sum.add(Bytes(summed).first(header));
  sum.add(segment.payload);
  ByteWriter out(room);
  write_ip_header(segment.source.ip, segment.destination.ip, kProtocolTcp, sized, out);
  write_tcp_header(segment, sum.result(), out);
  out.bytes(segment.payload);
  assert(out.ok() && out.size() == whole);
  return whole;
}

std::optional<TcpView> parse_tcp_packet(Bytes packet) {
  TcpView out;
  if (packet.empty()) return std::nullopt;
  std::size_t length = 0;  // of the TCP segment, by the IP header
  ByteReader r(packet);
  if (packet[0] >> 4 == 4) {
    const std::size_t header = static_cast<std::size_t>(packet[0] & 0x0f) * 4;
    r.skip(2);
    const std::size_t total = r.u16();
    r.skip(2);
    const std::uint16_t fragment = r.u16();
    r.skip(1);
    const std::uint8_t protocol = r.u8();
    r.skip(2);
    const Bytes source = r.bytes(4);
    const Bytes destination = r.bytes(4);
    if (!r.ok() || header < kIpv4Header || total < header || protocol != kProtocolTcp ||
        (fragment & 0x3fff) != 0)
      return std::nullopt;
    out.source.ip = ip_from_bytes(source);
    out.destination.ip = ip_from_bytes(destination);
    r.skip(header - kIpv4Header);
    length = total - header;
  } else if (packet[0] >> 4 == 6) {
    r.skip(4);
    length = r.u16();
    const std::uint8_t protocol = r.u8();
    r.skip(1);
    const Bytes source = r.bytes(16);
    const Bytes destination = r.bytes(16);
    if (!r.ok() || protocol != kProtocolTcp) return std::nullopt;
    out.source.ip = ip_from_bytes(source);
    out.destination.ip = ip_from_bytes(destination);
  } else {
    return std::nullopt;
  }
  out.source.port = r.u16();
  out.destination.port = r.u16();
  out.sequence = r.u32();
  out.acknowledgement = r.u32();
  const std::size_t header = static_cast<std::size_t>(r.u8() >> 4) * 4;
  const std::uint8_t flags = r.u8();
  out.window = r.u16();
  r.skip(4);
  if (!r.ok() || header < kTcpHeader || length < header) return std::nullopt;
  out.syn = (flags & kTcpSyn) != 0;
  out.ack = (flags & kTcpAck) != 0;
  out.fin = (flags & kTcpFin) != 0;
  out.rst = (flags & kTcpRst) != 0;
  out.payload = length - header;
  const Bytes options = r.bytes(header - kTcpHeader);
  if (!r.ok() || !read_options(options, out)) return std::nullopt;
  return out;
}

}  // namespace flagfall::wire
