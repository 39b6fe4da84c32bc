// Sleep until a time of CLOCK_MONOTONIC, or until another thread calls: timerfd
// (no timer slack, unlike clock_nanosleep: facts §4) and eventfd under ppoll.
// One sleeper; any other thread may wake().
#pragma once

#include <optional>

#include "common/base/time.hh"
#include "common/net/fd.hh"

namespace flagfall::slave {

class Waker {
 public:
  explicit Waker(const Clock& clock);

  /// The sleeper: returns at `until` or after, or soon after wake(), also one that
  /// came before. No time: until wake(). May return early.
  void sleep(std::optional<MonoTime> until);
  void wake();

 private:
  const Clock& clock_;
  net::Fd timer_;
  net::Fd event_;
};

}  // namespace flagfall::slave
