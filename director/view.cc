#include "director/view.hh"

#include <algorithm>
#include <bit>

namespace flagfall::director {

Decision View::decide(const IpAddress& client) const noexcept {
  Decision out;
  for (std::size_t t = 0; t < kMostTables && tables.at(t); ++t) {
    const PrefixTable::Found found = tables.at(t)->find(client);
    out.scope = std::max(out.scope, found.scope);
    const Entry* const entry = found.value == 0 ? nullptr : &(*entries)[found.value - 1];
    const bool known = entry != nullptr && !entry->order.empty();
    if (t == book) out.race = races && (!known || entry->doubt);
    if (!known && (t == book || t == paths)) out.measured = false;
    if (!known) continue;
    out.order = entry->order;
    out.of_network = true;
    out.bound = t == book;
    out.spare = t == paths;
    out.ways = entry->ways;
    return out;
  }
  out.order = otherwise;
  return out;
}

std::optional<ServerIndex> View::draw(ServerMask among, const Weights& weights, SeededRandom& lots) noexcept {
  if (among == 0) return std::nullopt;
  std::uint64_t total = 0;
  for (ServerMask left = among; left != 0; left &= left - 1)
    total += weights.at(static_cast<std::size_t>(std::countr_zero(left)));
  std::uint64_t lot = lots.next() % (total == 0 ? static_cast<std::uint64_t>(std::popcount(among)) : total);
  for (ServerMask left = among; left != 0; left &= left - 1) {
    const auto server = static_cast<ServerIndex>(std::countr_zero(left));
    const std::uint64_t share = total == 0 ? 1 : weights.at(server);
    if (lot < share) return server;
    lot -= share;
  }
  return static_cast<ServerIndex>(std::countr_zero(among));  // not reached: the shares add up
}

Order View::line_up(const Order& preferred, ServerMask able, unsigned most, SeededRandom& lots,
                    bool by_spare) const noexcept {
  const Weights& by = by_spare ? spare : weights;
  Order out;
  ServerMask group = 0;
  for (std::size_t i = 0; i < preferred.group; ++i) group |= bit(preferred.servers.at(i));
  if (std::popcount(group & able) > 1) out.push(*draw(group & able, by, lots));
  for (const ServerIndex server : preferred.all())
    if (out.count < most && (able & bit(server)) != 0) out.push(server);
  for (const ServerIndex server : out.all()) able &= ~bit(server);
  while (out.count < most && out.count < Order::kMost && able != 0) {
    const ServerIndex next = *draw(able, by, lots);
    out.push(next);
    able &= ~bit(next);
  }
  return out;
}

}  // namespace flagfall::director
