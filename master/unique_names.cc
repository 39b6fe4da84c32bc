#include "master/unique_names.hh"

#include <algorithm>
#include <bit>

namespace flagfall::master {

UniqueNames::UniqueNames(std::size_t room) : slots_(std::bit_ceil(std::max(room, kWays))) {}

void UniqueNames::asked(std::uint64_t name, const IpAddress& resolver, MonoTime now) {
  Slot* const set = set_of(name);
  Slot* const end = set + kWays;
  Slot* place = std::find_if(set, end, [&](const Slot& s) { return s.used && s.name == name; });
  if (place == end) {
    ++counters_.asked;
    place = std::find_if(set, end, [](const Slot& s) { return !s.used; });
    if (place == end)
      place = std::min_element(set, end, [](const Slot& a, const Slot& b) { return a.at < b.at; });
    *place = {};
    place->name = name;
    place->at = now;
    place->used = true;
  }
  auto& known = place->resolvers.at(resolver.family == Family::v4 ? 0 : 1);
  if (!known) known = resolver;
  place->ambiguous = place->ambiguous || *known != resolver;
}

UniqueNames::Resolvers UniqueNames::fetched(std::uint64_t name, MonoTime now) {
  Slot* const set = set_of(name);
  Slot* const slot = std::find_if(set, set + kWays, [&](const Slot& s) { return s.used && s.name == name; });
  if (slot == set + kWays) {
    ++counters_.unasked;
    return {};
  }
  if (slot->spent) {
    ++counters_.again;
    return {};
  }
  slot->spent = true;
  if (now - slot->at > kCounts) {
    ++counters_.late;
    return {};
  }
  if (slot->ambiguous) {
    ++counters_.ambiguous;
    return {};
  }
  ++counters_.fetched;
  return slot->resolvers;
}

}  // namespace flagfall::master
