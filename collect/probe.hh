// One try of a health check, on a loop: what it found is told once. Shell around
// sockets and processes; thresholds are health_core.hh's. Loop thread only.
#pragma once

#include <functional>
#include <memory>

#include "collect/config.hh"
#include "common/base/random.hh"
#include "common/net/loop.hh"

namespace flagfall::collect {

class Probe {
 public:
  /// Called once, from the loop, at the time-out at the latest; may not destroy the probe.
  using Done = std::function<void(const Finding&)>;
  virtual ~Probe() = default;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  Probe(Probe&&) = delete;
  Probe& operator=(Probe&&) = delete;

 protected:
  Probe() = default;
};

/// Begins one. `check` and `loop` outlive it; its destruction ends it without a word.
std::unique_ptr<Probe> start_probe(net::Loop& loop, Random& random, const CheckConfig& check,
                                   Probe::Done done);
/// The kind "script".
std::unique_ptr<Probe> start_script(net::Loop& loop, const CheckConfig& check, Probe::Done done);

}  // namespace flagfall::collect
