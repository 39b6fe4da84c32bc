#include "lab/topology.hh"

#include <algorithm>

namespace flagfall::lab {

std::optional<HostId> Topology::find(std::string_view host) const {
  const auto at = std::find_if(hosts.begin(), hosts.end(), [&](const Host& h) { return h.name == host; });
  if (at == hosts.end()) return std::nullopt;
  return static_cast<HostId>(at - hosts.begin());
}

}  // namespace flagfall::lab
