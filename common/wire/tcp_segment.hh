// TCP segments as packets, for raw and packet sockets: what a slave sends in a master's connection, and what
// the client acknowledges (RFC 9293 §3.1; options of RFC 7323 and RFC 2018). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"

namespace flagfall::wire {

struct TcpTimestamps {
  std::uint32_t value = 0;  // the sender's clock
  std::uint32_t echo = 0;   // the latest of the other side
  bool operator==(const TcpTimestamps&) const = default;
};

/// Data that goes into an established connection.
struct TcpSegment {
  Endpoint source;
  Endpoint destination;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint16_t window = 0;  // as in the header: the connection's scale is in it
  std::optional<TcpTimestamps> timestamps{};
  Bytes payload;
};

/// Of the header's flags (RFC 9293 §3.1).
inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpAck = 0x10;

/// 40 (IPv6), 20, and 12 of the timestamps with their padding.
inline constexpr std::size_t kMostTcpHeaders = 72;

/// The whole packet, from its IP header on: ACK and PSH set, the checksum complete; IPv4's own is left to the
/// kernel. Its length; 0 when `room` is too small. Both endpoints are of one family.
std::size_t write_tcp_packet(const TcpSegment& segment, MutableBytes room);

/// Octets [begin, end), modulo 2^32.
struct SackBlock {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool operator==(const SackBlock&) const = default;
};

/// What a client sends.
struct TcpView {
  Endpoint source;
  Endpoint destination;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint16_t window = 0;
  bool syn = false;
  bool ack = false;
  bool fin = false;
  bool rst = false;
  std::optional<TcpTimestamps> timestamps{};
  std::array<SackBlock, 4> sack{};  // as many as fit the options
  unsigned sacks = 0;
  std::size_t payload = 0;  // octets; of a packet that was captured in part, what its header says
  [[nodiscard]] std::span<const SackBlock> blocks() const { return std::span(sack).first(sacks); }
};

/// An IPv4 or IPv6 packet from its IP header on, of which the TCP header is there. None: another protocol, a
/// fragment, IPv6 with extension headers, lengths that do not fit. Checksums are not looked at: of what a
/// packet socket shows before the network card has made them they are not right.
std::optional<TcpView> parse_tcp_packet(Bytes packet);

/// a is before b in sequence space (RFC 9293 §3.4).
constexpr bool sequence_before(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) < 0;
}

}  // namespace flagfall::wire
