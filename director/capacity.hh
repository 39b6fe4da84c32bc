// What a server can take, and how much of it is in use. Values; any thread.
#pragma once

#include <optional>

#include "common/base/time.hh"

namespace flagfall::director {

/// One report of a server, or of the machine that it runs on.
struct ServerLoad {
  double open_connections = 0;  // TCP
  double free_memory = 0;       // octets
  double free_swap = 0;         // octets; 0 where there is none
  double cpu_idle = 0;          // share of all processors, 0..1, since the report before
  MonoTime at;                  // when it came, by the master's clock
};

/// `capacity = { weight = 2, connections = 1000, requests = 500, load = 0.8 }`. What is absent does not
/// limit.
struct Capacity {
  double weight = 1;                    // its size beside the other servers', for `weighted` and `composite`
  std::optional<double> connections{};  // open at once
  std::optional<double> requests{};     // a second, that the director sends there
  std::optional<double> load{};         // share of its processors, 0..1

  [[nodiscard]] bool limited() const { return connections || requests || load; }
};

/// A report that is younger than `fresh` and makes sense; nullptr otherwise: a server whose monitor is silent
/// is unknown, never idle.
const ServerLoad* fresh_load(const std::optional<ServerLoad>& load, Nanos fresh, MonoTime now);

/// The share of the tightest limit that is in use: 1 is full, and more is possible. `load`: a fresh one, or
/// nullptr; `requests`: a second, lately. Absent: nothing limits it, or no limit's figure is known.
std::optional<double> in_use(const Capacity& capacity, const ServerLoad* load, double requests);

/// The same for who wants to know how busy it is, limits or not: in_use(), or otherwise the processors'
/// share.
std::optional<double> busyness(const Capacity& capacity, const ServerLoad* load, double requests);

}  // namespace flagfall::director
