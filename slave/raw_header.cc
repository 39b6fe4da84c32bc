#include "slave/raw_header.hh"

#include <cassert>

#include "common/wire/ip_header.hh"

namespace flagfall::slave {
namespace {

constexpr std::size_t kUdpHeader = 8;

std::uint16_t checksum(const Endpoint& source, const Endpoint& destination, std::uint16_t length,
                       Bytes payload) {
  wire::TransportChecksum sum(source.ip, destination.ip, wire::kProtocolUdp, length);
  std::array<std::uint8_t, kUdpHeader> header{};
  ByteWriter w(header);
  w.u16(source.port);
  w.u16(destination.port);
  w.u16(length);
  sum.add(header);
  sum.add(payload);
  return sum.result() == 0 ? 0xffff : sum.result();  // 0 would say that there is none (RFC 768)
}

}  // namespace

std::size_t write_raw_header(const Endpoint& source, const Endpoint& destination, Bytes payload,
                             std::array<std::uint8_t, kRawHeaderRoom>& room) {
  const auto length = static_cast<std::uint16_t>(kUdpHeader + payload.size());
  ByteWriter w(room);
  wire::write_ip_header(source.ip, destination.ip, wire::kProtocolUdp, length, w);
  w.u16(source.port);
  w.u16(destination.port);
  w.u16(length);
  w.u16(checksum(source, destination, length, payload));
  assert(w.ok());
  return w.size();
}

}  // namespace flagfall::slave
