#include "slave/raw_header.hh"

#include <cassert>

namespace flagfall::slave {
namespace {

constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint8_t kHopLimit = 64;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kIpv4Header = 20;
constexpr std::uint16_t kDontFragment = 0x4000;

/// The ones' complement sum of RFC 1071, over 16-bit words.
std::uint64_t sum(Bytes data, std::uint64_t start) {
  std::size_t i = 0;
  for (; i + 1 < data.size(); i += 2) start += static_cast<std::uint64_t>(data[i]) << 8 | data[i + 1];
  if (i < data.size()) start += static_cast<std::uint64_t>(data[i]) << 8;
  return start;
}

std::uint16_t checksum(const Endpoint& source, const Endpoint& destination, Bytes payload) {
  const std::size_t length = kUdpHeader + payload.size();
  // The pseudo header: addresses, length, protocol. Then the UDP header, then the data.
  std::uint64_t s = sum(source.ip.bytes(), 0);
  s = sum(destination.ip.bytes(), s);
  s += length + kProtocolUdp;
  s += std::uint64_t{source.port} + destination.port + length;
  s = sum(payload, s);
  while (s >> 16 != 0) s = (s & 0xffff) + (s >> 16);
  const auto result = static_cast<std::uint16_t>(~s);
  return result == 0 ? 0xffff : result;  // 0 would say that there is none
}

}  // namespace

std::size_t write_raw_header(const Endpoint& source, const Endpoint& destination, Bytes payload,
                             std::array<std::uint8_t, kRawHeaderRoom>& room) {
  assert(source.ip.family == destination.ip.family);
  const auto udp_length = static_cast<std::uint16_t>(kUdpHeader + payload.size());
  ByteWriter w(room);
  if (source.ip.family == Family::v4) {
    w.u8(0x45);  // version 4, five words
    w.u8(0);
    w.u16(static_cast<std::uint16_t>(kIpv4Header + udp_length));
    w.u16(0);  // identification
    w.u16(kDontFragment);
    w.u8(kHopLimit);
    w.u8(kProtocolUdp);
    w.u16(0);  // header checksum
  } else {
    w.u32(0x60000000);
    w.u16(udp_length);
    w.u8(kProtocolUdp);
    w.u8(kHopLimit);
  }
  w.bytes(source.ip.bytes());
  w.bytes(destination.ip.bytes());
  w.u16(source.port);
  w.u16(destination.port);
  w.u16(udp_length);
  w.u16(checksum(source, destination, payload));
  assert(w.ok());
  return w.size();
}

}  // namespace flagfall::slave
