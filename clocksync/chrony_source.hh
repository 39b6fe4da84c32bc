// Polls a chronyd for its TRACKING over UDP or its Unix socket and keeps the
// RefMap that follows. Loop thread only; ChronyTracker decides everything.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "clocksync/chrony_tracker.hh"
#include "clocksync/ref_clock.hh"
#include "common/base/random.hh"
#include "common/net/loop.hh"

namespace flagfall::clocksync {

struct ChronyOptions {
  /// chronyd's command port ("127.0.0.1:323", "[::1]:323") or, with a leading
  /// slash, its Unix socket: then we put a socket of our own beside it, where
  /// chronyd can write to it, and remove it in the end.
  std::string address = "127.0.0.1:323";
  Nanos poll = std::chrono::seconds(1);
  /// How much of the root delay may well be one way's alone, 0 to 1: enters the expected error.
  double asymmetry = 0.05;
};

class ChronySource {
 public:
  /// The map was measured anew or its status changed; on the loop's thread.
  using Updated = std::function<void(const RefMap&)>;

  /// Starts at once; the first map comes about 0.1 s later. `loop`, `clock` and
  /// `random` outlive the source. Throws std::runtime_error for an address that
  /// is none; a chronyd that is not there is a status, not an error.
  ChronySource(net::Loop& loop, const Clock& clock, Random& random, const ChronyOptions& options,
               Updated updated);
  ~ChronySource();
  ChronySource(const ChronySource&) = delete;
  ChronySource& operator=(const ChronySource&) = delete;
  ChronySource(ChronySource&&) = delete;
  ChronySource& operator=(ChronySource&&) = delete;

  /// Status unknown until chronyd has answered twice, and whenever it is no longer to be trusted.
  [[nodiscard]] const RefMap& current() const;
  [[nodiscard]] const ChronyCounters& counters() const;

 private:
  struct Shell;
  std::unique_ptr<Shell> shell_;
};

}  // namespace flagfall::clocksync
