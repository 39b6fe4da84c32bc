#include "slave/beacon_label.hh"

#include <algorithm>

#include "common/wire/dns.hh"

namespace flagfall::slave {
namespace {

constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuv";  // RFC 4648 §7
constexpr unsigned kBits = 5;
constexpr std::size_t kOctets = 20;
static_assert(kBeaconLabel * kBits == kOctets * 8);

std::uint64_t mac(const wire::SipKey& key, std::uint32_t service, std::uint64_t race) {
  std::array<std::uint8_t, 12> input{};
  ByteWriter out(input);
  out.u32(service);
  out.u64(race);
  return wire::siphash24(key, input);
}

int digit(std::uint8_t c) {
  const std::uint8_t small = wire::lower(c);
  if (small >= '0' && small <= '9') return small - '0';
  if (small >= 'a' && small <= 'v') return small - 'a' + 10;
  return -1;
}

}  // namespace

std::uint32_t service_tag(std::string_view name) {
  // No secret: the same name has the same tag everywhere, always.
  return static_cast<std::uint32_t>(wire::siphash24(wire::SipKey{}, as_bytes(name)));
}

void write_beacon_label(const wire::SipKey& key, std::uint32_t service, std::uint64_t race,
                        std::span<std::uint8_t, kBeaconLabel> out) {
  std::array<std::uint8_t, kOctets> octets{};
  ByteWriter writer(octets);
  writer.u32(service);
  writer.u64(race);
  writer.u64(mac(key, service, race));
  unsigned waiting = 0;
  unsigned bits = 0;
  std::size_t next = 0;
  for (const std::uint8_t octet : octets) {
    waiting = (waiting << 8 | octet) & 0xffff;
    for (bits += 8; bits >= kBits; bits -= kBits)
      out[next++] = static_cast<std::uint8_t>(kDigits[waiting >> (bits - kBits) & 0x1f]);
  }
}

std::optional<BeaconLabel> parse_beacon_label(Bytes label) {
  if (label.size() != kBeaconLabel) return std::nullopt;
  std::array<std::uint8_t, kOctets> octets{};
  unsigned waiting = 0;
  unsigned bits = 0;
  std::size_t next = 0;
  for (const std::uint8_t c : label) {
    const int value = digit(c);
    if (value < 0) return std::nullopt;
    waiting = (waiting << kBits | static_cast<unsigned>(value)) & 0xffff;
    bits += kBits;
    if (bits < 8) continue;
    bits -= 8;
    octets.at(next++) = static_cast<std::uint8_t>(waiting >> bits);
  }
  ByteReader reader(octets);
  BeaconLabel out;
  out.service = reader.u32();
  out.race = reader.u64();
  out.mac = reader.u64();
  return out;
}

bool genuine(const wire::SipKey& key, const BeaconLabel& label) {
  return mac(key, label.service, label.race) == label.mac;
}

}  // namespace flagfall::slave
