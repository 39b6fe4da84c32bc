// Decides whether a request loop waits for its next queries at the socket itself, rather than in the event
// loop: one system call for each round instead of two.
//
// Only while ordinary answers come densely, as races have a better way (master/gather.hh); and the event loop
// gets its turn after kMost, as TCP clients, new snapshots and the loop's end wait for it
// (docs/design/request-loops.md). Pure, one owner.
#pragma once

#include <utility>

#include "common/base/time.hh"

namespace flagfall::master {

class Attend {
 public:
  /// Bursts further apart than this are few enough for the event loop.
  static constexpr Nanos kDense = std::chrono::milliseconds(2);
  /// How long the event loop waits for its turn, and one wait at the socket more (kWait).
  static constexpr Nanos kMost = std::chrono::milliseconds(4);
  /// One wait at the socket: the kernel counts it in ticks of up to 4 ms, and may add one.
  static constexpr Nanos kWait = std::chrono::milliseconds(4);

  /// The event loop has had its turn.
  void turn() { since_ = MonoTime(); }
  /// A burst of queries.
  void burst(MonoTime begun, unsigned queries, unsigned races) {
    dense_ = begun - last_ <= kDense;
    ordinary_ = 2 * races < queries;
    last_ = begun;
    fresh_ = true;
  }
  /// Whether to wait at the socket now. Never twice without a burst in between.
  bool again() {
    if (!std::exchange(fresh_, false) || !dense_ || !ordinary_) return false;
    if (since_ == MonoTime()) since_ = last_;
    return last_ - since_ < kMost;
  }

 private:
  MonoTime since_;  // the first burst after the event loop's turn; the epoch: there was none
  MonoTime last_;
  bool fresh_ = false;  // a burst since again()
  bool dense_ = false;
  bool ordinary_ = false;
};

}  // namespace flagfall::master
