// How a service's servers may be chosen, as the configuration names it. A service has a list of these; the
// first with an opinion about a client answers.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace flagfall::director {

enum class Policy : std::uint8_t {
  race,               // bindings that races have made; a client without one is raced
  ping,               // bindings by evidence of that kind
  tcp_rtt,            //
  tcp_rate,           //
  least_connections,  // load reports (director/load_policies.hh)
  most_free_memory,   //
  most_free_swap,     //
  most_idle_cpu,      //
  round_robin,        //
  weighted,           // by `capacity.weight`
  fixed,              // "static": a prefix file (director/static_map.hh)
  geo,                // a MaxMind database (director/geo.hh)
  composite,          // paths and spare capacity (director/composite.hh)
};
inline constexpr std::array<std::string_view, 13> kPolicyNames{"race",
                                                               "ping",
                                                               "tcp-rtt",
                                                               "tcp-rate",
                                                               "least-connections",
                                                               "most-free-memory",
                                                               "most-free-swap",
                                                               "most-idle-cpu",
                                                               "round-robin",
                                                               "weighted",
                                                               "static",
                                                               "geo",
                                                               "composite"};

constexpr std::string_view name_of(Policy policy) {
  return kPolicyNames.at(static_cast<std::size_t>(policy));
}

/// Decided by what the servers report of themselves.
constexpr bool by_load(Policy policy) {
  return policy == Policy::least_connections || policy == Policy::most_free_memory ||
         policy == Policy::most_free_swap || policy == Policy::most_idle_cpu;
}

}  // namespace flagfall::director
