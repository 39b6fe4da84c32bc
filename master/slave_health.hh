// Judges one slave by what it says became of its orders: who refuses or fails
// most of them is benched for a while, and who refused or failed any lately is
// doubted. Pure; the time is an argument. Control thread only. Who is benched is
// left out of races by master/snapshot_builder.hh, which also lets the questions
// of a doubted slave's services be remembered longer.
// See docs/design/slave-health.md.
#pragma once

#include <span>
#include <string>

#include "common/base/time.hh"
#include "common/wire/session.hh"

namespace flagfall::master {

class SlaveHealth {
 public:
  /// Fewer orders than this say nothing about a slave.
  static constexpr unsigned kLeastOrders = 8;
  /// What it did with more orders than this counts half from then on: reports come
  /// every 200 ms, and a slave that was well a second ago may refuse everything now.
  static constexpr unsigned kMostOrders = 64;
  /// And what was so long ago, not at all.
  static constexpr Nanos kFresh = std::chrono::seconds(10);
  static constexpr Nanos kFirstBench = std::chrono::seconds(5);
  static constexpr Nanos kLongestBench = std::chrono::seconds(60);
  /// Off the bench for so long: the next one is the first again.
  static constexpr Nanos kHealthy = std::chrono::seconds(60);
  static constexpr Nanos kDoubt = std::chrono::seconds(60);

  /// The outcomes of one report. True: benched() or doubted() has become true.
  bool add(std::span<const wire::RaceOutcome> outcomes, MonoTime now);
  /// True: benched() or doubted() has become false.
  bool tick(MonoTime now);
  /// Another process has taken the slave's name, mended perhaps: no bench, and no record of earlier ones.
  /// The doubt stays: clients of the old one's races may still be waiting.
  void restarted();
  /// When tick() has something to do; MonoTime::max() when never.
  [[nodiscard]] MonoTime next_deadline() const;

  [[nodiscard]] bool benched() const { return benched_; }
  /// It refused or failed orders within the last minute.
  [[nodiscard]] bool doubted() const { return doubted_; }
  /// While benched: for how long, and why, to follow the slave's name in a sentence.
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  void bench(MonoTime now);

  unsigned useful_ = 0;  // answers sent, in time or late
  unsigned refused_ = 0;
  unsigned failed_ = 0;
  MonoTime counted_;  // the newest of these
  bool benched_ = false;
  bool doubted_ = false;
  MonoTime bench_end_;
  MonoTime doubt_end_;
  Nanos last_bench_{};  // zero: none, or long ago
  std::string why_;
};

}  // namespace flagfall::master
