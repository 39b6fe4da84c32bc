// The first label of a beacon's name: which race it was, for which service, and
// proof that this process issued it. Pure; parsing is total. What a label that was
// asked for means is decided by slave/beacon_book.hh.
//
//   base32hex (RFC 4648 §7, lower case) of 20 octets: service tag, race, MAC
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/bytes.hh"
#include "common/wire/siphash.hh"

namespace flagfall::slave {

/// Its characters: no padding is needed, and no case is lost where resolvers change it (0x20).
inline constexpr std::size_t kBeaconLabel = 32;

struct BeaconLabel {
  std::uint32_t service = 0;  // service_tag()
  std::uint64_t race = 0;
  std::uint64_t mac = 0;
};

/// Names a service in labels: its own name's hash, so that it survives new Services and restarts.
std::uint32_t service_tag(std::string_view name);

/// The label that this race's answer carries.
void write_beacon_label(const wire::SipKey& key, std::uint32_t service, std::uint64_t race,
                        std::span<std::uint8_t, kBeaconLabel> out);
/// Nothing for what is no label of ours in form. Case does not matter.
std::optional<BeaconLabel> parse_beacon_label(Bytes label);
/// Whether it was issued with this key; a stranger guesses one in 2^64.
bool genuine(const wire::SipKey& key, const BeaconLabel& label);

}  // namespace flagfall::slave
