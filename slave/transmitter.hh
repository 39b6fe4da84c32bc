// The transmit thread: holds pending shots, sleeps until the nearest instant
// minus lead and guard, spins until the instant minus the lead, sends. Both are
// measured all the time. docs/design/transmit.md says why so.
//
// One producer thread (the loop's) calls push() and pop_done(); everything else
// happens on the transmit thread. Neither waits for the other.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <span>
#include <thread>

#include "common/base/spsc_ring.hh"
#include "slave/deadline_queue.hh"
#include "slave/egress.hh"
#include "slave/guard.hh"
#include "slave/shot.hh"
#include "slave/waker.hh"

namespace flagfall::slave {

class Transmitter {  // NOLINT(clang-analyzer-optin.performance.Padding): two rings, two cache lines
 public:
  struct Options {
    /// Nothing: calibrated before the constructor returns (about 0.1 s), and ever after.
    std::optional<Nanos> guard;
  };
  /// `pool` and `clock` outlive the transmitter.
  Transmitter(const Options& options, std::vector<SourceSocket> sources, ShotPool& pool, const Clock& clock);
  /// Stops without lingering.
  ~Transmitter();
  Transmitter(const Transmitter&) = delete;
  Transmitter& operator=(const Transmitter&) = delete;
  Transmitter(Transmitter&&) = delete;
  Transmitter& operator=(Transmitter&&) = delete;

  /// Hands a shot over; the kernel stamps it at its `due`, or at once when that is past.
  void push(std::uint32_t shot);
  /// A shot that came back: sent or failed.
  std::optional<std::uint32_t> pop_done();

  /// What is due within `linger` still leaves, the rest is forgotten; returns when
  /// the thread has ended, which is at once when nothing is pending.
  void stop(Nanos linger);

  [[nodiscard]] Nanos guard() const { return Nanos(guard_ns_.load(std::memory_order_relaxed)); }
  /// From the call to the stamp, as learned; the longest of all sockets.
  [[nodiscard]] Nanos lead() const { return egress_.most_lead(); }
  [[nodiscard]] const EgressStats& stats() const { return egress_.stats(); }
  /// How late calibration's and later sleeps ended, by our clock.
  [[nodiscard]] const Histogram& wake_ups() const { return wake_ups_; }

 private:
  void run();
  void calibrate();
  void note_wake_up(Nanos lateness);
  void set_guard();
  void drain();
  void fire();
  bool overtaken(std::span<const std::uint32_t> shots, MonoTime due);
  void sleep(std::optional<MonoTime> until);
  /// How long before an instant the thread must be awake.
  [[nodiscard]] Nanos ahead() const { return guard() + lead(); }

  ShotPool& pool_;
  const Clock& clock_;
  SpscRing<std::uint32_t> in_;
  SpscRing<std::uint32_t> done_;
  Egress egress_;
  DeadlineQueue queue_;
  Waker waker_;
  Histogram wake_ups_;
  std::array<std::uint32_t, Egress::kBatch> batch_{};
  const std::optional<Nanos> fixed_guard_;
  Guard measured_guard_;
  std::atomic<std::int64_t> guard_ns_;
  /// When the thread wakes up by itself, ns of our clock; kAwake while it is not asleep.
  std::atomic<std::int64_t> asleep_until_;
  std::atomic<std::int64_t> stop_at_;
  std::atomic<bool> ready_{false};
  std::thread thread_;
};

}  // namespace flagfall::slave
