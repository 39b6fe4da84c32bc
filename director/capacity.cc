#include "director/capacity.hh"

#include <algorithm>
#include <cmath>

namespace flagfall::director {
namespace {

bool sensible(double value) {
  return std::isfinite(value) && value >= 0;
}

}  // namespace

const ServerLoad* fresh_load(const std::optional<ServerLoad>& load, Nanos fresh, MonoTime now) {
  if (!load) return nullptr;
  // A little "in the future" is a report that came while `now` was at work.
  if (now - load->at > fresh || load->at - now > fresh) return nullptr;
  const bool good = sensible(load->open_connections) && sensible(load->free_memory) &&
                    sensible(load->free_swap) && sensible(load->cpu_idle) && load->cpu_idle <= 1;
  return good ? &*load : nullptr;
}

std::optional<double> in_use(const Capacity& capacity, const ServerLoad* load, double requests) {
  std::optional<double> most;
  const auto count = [&](const std::optional<double>& limit, double value) {
    if (limit && *limit > 0 && sensible(value)) most = std::max(most.value_or(0), value / *limit);
  };
  count(capacity.requests, requests);
  if (load != nullptr) {
    count(capacity.connections, load->open_connections);
    count(capacity.load, 1 - load->cpu_idle);
  }
  return most;
}

std::optional<double> busyness(const Capacity& capacity, const ServerLoad* load, double requests) {
  if (const auto used = in_use(capacity, load, requests)) return used;
  if (load == nullptr) return std::nullopt;
  return 1 - load->cpu_idle;
}

}  // namespace flagfall::director
