#include "collect/icmp_echo.hh"

namespace flagfall::collect {
namespace {

constexpr std::uint8_t kRequestV4 = 8, kReplyV4 = 0;      // RFC 792
constexpr std::uint8_t kRequestV6 = 128, kReplyV6 = 129;  // RFC 4443 §4
constexpr std::size_t kLeastIpHeader = 20;

/// RFC 1071.
std::uint16_t checksum(Bytes bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8 : std::uint32_t{bytes[i]};
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::array<std::uint8_t, kEchoSize> encode_request(Family family, const EchoMessage& echo) {
  std::array<std::uint8_t, kEchoSize> out{};
  ByteWriter writer(out);
  writer.u8(family == Family::v4 ? kRequestV4 : kRequestV6);
  writer.u8(0);
  writer.u16(0);
  writer.u16(echo.id);
  writer.u16(echo.sequence);
  writer.u64(echo.token);
  if (family == Family::v4) ByteWriter(MutableBytes(out).subspan(2)).u16(checksum(out));
  return out;
}

std::optional<EchoMessage> parse_reply(Family family, bool ip_header, Bytes packet) {
  if (ip_header) {
    if (packet.size() < kLeastIpHeader || packet[0] >> 4 != 4) return std::nullopt;
    const std::size_t length = std::size_t{packet[0] & 0xfU} * 4;
    if (length < kLeastIpHeader || length > packet.size()) return std::nullopt;
    packet = packet.subspan(length);
  }
  ByteReader reader(packet);
  const std::uint8_t type = reader.u8();
  const std::uint8_t code = reader.u8();
  reader.skip(2);  // the token proves more than a checksum
  EchoMessage echo;
  echo.id = reader.u16();
  echo.sequence = reader.u16();
  echo.token = reader.u64();
  if (!reader.ok() || type != (family == Family::v4 ? kReplyV4 : kReplyV6) || code != 0) return std::nullopt;
  return echo;
}

}  // namespace flagfall::collect
