#include "slave/beacon_book.hh"

#include <algorithm>
#include <bit>

namespace flagfall::slave {

BeaconBook::BeaconBook(std::size_t room) : slots_(std::bit_ceil(std::max(room, kWays)) * 2) {}

/// Race ids count up, so their low bits spread evenly.
BeaconBook::Slot* BeaconBook::set_of(std::uint64_t race) {
  return &slots_[(race & (slots_.size() / kWays - 1)) * kWays];
}

void BeaconBook::issued(const IssuedBeacon& beacon) {
  Slot* const set = set_of(beacon.race);
  Slot* const end = set + kWays;
  Slot* place = std::find_if(set, end, [&](const Slot& s) { return s.used && s.beacon.race == beacon.race; });
  if (place == end) place = std::find_if(set, end, [](const Slot& s) { return !s.used; });
  if (place == end)
    place =
        std::min_element(set, end, [](const Slot& a, const Slot& b) { return a.beacon.due < b.beacon.due; });
  *place = {beacon, true, false};
}

BeaconBook::Asked BeaconBook::asked(std::uint64_t race, std::uint32_t service, const IpAddress& from,
                                    MonoTime now, BeaconWin& out) {
  Slot* const set = set_of(race);
  Slot* const slot = std::find_if(set, set + kWays, [&](const Slot& s) {
    return s.used && s.beacon.race == race && s.beacon.service == service;
  });
  if (slot == set + kWays) return Asked::unknown;
  const Nanos after = now - slot->beacon.due;
  if (after < Nanos(0)) return Asked::early;
  if (after > kCounts) return Asked::late;
  if (slot->asked) return Asked::again;
  slot->asked = true;
  out = {slot->beacon.link, slot->beacon.session, {race, after, from == slot->beacon.client}};
  return Asked::win;
}

}  // namespace flagfall::slave
