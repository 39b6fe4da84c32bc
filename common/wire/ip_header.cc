#include "common/wire/ip_header.hh"

#include <cassert>

namespace flagfall::wire {
namespace {

constexpr std::uint8_t kHopLimit = 64;
constexpr std::uint16_t kDontFragment = 0x4000;

}  // namespace

void write_ip_header(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                     std::uint16_t length, ByteWriter& out) {
  assert(source.family == destination.family);
  if (source.family == Family::v4) {
    out.u8(0x45);  // version 4, five words
    out.u8(0);
    out.u16(static_cast<std::uint16_t>(kIpv4Header + length));
    out.u16(0);  // identification
    out.u16(kDontFragment);
    out.u8(kHopLimit);
    out.u8(protocol);
    out.u16(0);  // header checksum
  } else {
    out.u32(0x60000000);
    out.u16(length);
    out.u8(protocol);
    out.u8(kHopLimit);
  }
  out.bytes(source.bytes());
  out.bytes(destination.bytes());
}

TransportChecksum::TransportChecksum(const IpAddress& source, const IpAddress& destination,
                                     std::uint8_t protocol, std::uint16_t length)
    : sum_(std::uint64_t{length} + protocol) {
  add(source.bytes());
  add(destination.bytes());
}

void TransportChecksum::add(Bytes piece) {
  std::size_t i = 0;
  for (; i + 1 < piece.size(); i += 2) sum_ += static_cast<std::uint64_t>(piece[i]) << 8 | piece[i + 1];
  if (i < piece.size()) sum_ += static_cast<std::uint64_t>(piece[i]) << 8;
}

std::uint16_t TransportChecksum::result() const {
  std::uint64_t s = sum_;
  while (s >> 16 != 0) s = (s & 0xffff) + (s >> 16);
  return static_cast<std::uint16_t>(~s);
}

}  // namespace flagfall::wire
