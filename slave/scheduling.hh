// What the operating system does for the transmit thread when the operator asks:
// real-time priority, a CPU of its own, memory that stays, CPUs that do not sleep
// deeply. Called once, at start, by the loop thread while it still has its
// capabilities. Each throws std::runtime_error: one line with what to do.
#pragma once

#include <sched.h>

#include <optional>

#include "common/net/fd.hh"

namespace flagfall::slave {

struct Scheduling {
  bool fifo = false;
  int priority = 50;  // 1 to 99, with fifo
  std::optional<unsigned> cpu = {};
};

/// Threads that are started while this lives run as `scheduling` says; the
/// calling thread does, too, until this ends. Ending needs no capability.
class InheritedScheduling {
 public:
  explicit InheritedScheduling(const Scheduling& scheduling);
  ~InheritedScheduling();
  InheritedScheduling(const InheritedScheduling&) = delete;
  InheritedScheduling& operator=(const InheritedScheduling&) = delete;
  InheritedScheduling(InheritedScheduling&&) = delete;
  InheritedScheduling& operator=(InheritedScheduling&&) = delete;

 private:
  void go_back() const;
  std::optional<cpu_set_t> cpus_;  // what to go back to
  bool fifo_ = false;
};

/// No page that is in use is given up any more. Pages that were never used are
/// not filled. Without an unlimited RLIMIT_MEMLOCK this holds for what is
/// allocated by now, and takes CAP_IPC_LOCK or a limit that is high enough.
void lock_memory();

/// While the descriptor is open, no CPU of this host sleeps deeper than it wakes up at once.
net::Fd keep_cpus_awake();

}  // namespace flagfall::slave
