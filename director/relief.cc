#include "director/relief.hh"

#include <algorithm>
#include <map>
#include <vector>

namespace flagfall::director {

Relief ReliefDesk::advance(std::span<const ServerUse> servers, ServerMask fit, const GroupOf& group_of,
                           MonoTime now) {
  if (looked_ && now - *looked_ < kPeriod) return {};
  looked_ = now;
  // Who asks how much matters only when somebody shall go, or come home.
  const bool needed = !shedder_.away().empty() || std::ranges::any_of(servers, [](const ServerUse& server) {
    return server.limited && server.use && *server.use > 1;
  });
  std::map<Prefix, ClientGroup> groups;
  if (needed)
    rates_.for_each(now, [&](const IpAddress& client, double requests) {
      auto group = group_of(client);
      if (!group || group->order.empty()) return;
      groups.try_emplace(group->prefix, *group).first->second.requests += requests;
    });
  std::vector<ClientGroup> list;
  list.reserve(groups.size());
  for (const auto& [prefix, group] : groups) list.push_back(group);
  return shedder_.advance(servers, fit, list, now);
}

const Move* ReliefDesk::away(const Prefix& prefix) const {
  const auto at = shedder_.away().find(prefix);
  return at == shedder_.away().end() ? nullptr : &at->second;
}

}  // namespace flagfall::director
