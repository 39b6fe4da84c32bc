#include "lab/packet.hh"

namespace flagfall::lab {

namespace {
constexpr std::size_t kHeaderV4 = 20, kDestinationV4 = 16;
constexpr std::size_t kHeaderV6 = 40, kDestinationV6 = 24;
}  // namespace

std::optional<IpAddress> destination(Bytes packet) {
  if (packet.empty()) return std::nullopt;
  const unsigned version = packet[0] >> 4U;
  if (version == 4 && packet.size() >= kHeaderV4) return ip_from_bytes(packet.subspan(kDestinationV4, 4));
  if (version == 6 && packet.size() >= kHeaderV6) return ip_from_bytes(packet.subspan(kDestinationV6, 16));
  return std::nullopt;
}

bool is_multicast(const IpAddress& address) {
  const std::uint8_t first = address.octets[0];
  return address.family == Family::v6 ? first == 0xff : (first >= 224 && first < 240) || first == 255;
}

}  // namespace flagfall::lab
