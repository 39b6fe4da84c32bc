// The transmit thread: holds pending shots, sleeps until the nearest instant
// minus the guard, spins, sends. docs/design/transmit.md says why so.
//
// One producer thread (the loop's) calls push() and pop_done(); everything else
// happens on the transmit thread. Neither waits for the other.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <thread>

#include "slave/deadline_queue.hh"
#include "slave/egress.hh"
#include "slave/shot.hh"
#include "slave/spsc_ring.hh"
#include "slave/waker.hh"

namespace flagfall::slave {

class Transmitter {
 public:
  struct Options {
    /// Nothing: calibrated before the constructor returns (about 0.1 s).
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

  /// Hands a shot over; it leaves at its `due`, or at once when that is past.
  void push(std::uint32_t shot);
  /// A shot that came back: sent or failed.
  std::optional<std::uint32_t> pop_done();

  /// What is due within `linger` still leaves, the rest is forgotten; returns when
  /// the thread has ended, which is at once when nothing is pending.
  void stop(Nanos linger);

  [[nodiscard]] Nanos guard() const { return Nanos(guard_.load(std::memory_order_relaxed)); }
  [[nodiscard]] const EgressStats& stats() const { return egress_.stats(); }
  /// How late calibration's and later sleeps ended, by our clock.
  [[nodiscard]] const Histogram& wake_ups() const { return wake_ups_; }

 private:
  void run(const Options& options);
  Nanos calibrate();
  void drain();
  void fire();
  void sleep(std::optional<MonoTime> until);

  ShotPool& pool_;
  const Clock& clock_;
  SpscRing<std::uint32_t> in_;
  SpscRing<std::uint32_t> done_;
  Egress egress_;
  DeadlineQueue queue_;
  Waker waker_;
  Histogram wake_ups_;
  std::array<std::uint32_t, Egress::kBatch> batch_{};
  std::atomic<std::int64_t> guard_;
  /// When the thread wakes up by itself, ns of our clock; kAwake while it is not asleep.
  std::atomic<std::int64_t> asleep_until_;
  std::atomic<std::int64_t> stop_at_;
  std::atomic<bool> ready_{false};
  std::thread thread_;
};

}  // namespace flagfall::slave
