// Decides whether a request loop lets queries gather before it looks again.
//
// A race's instant counts from the kernel's receive stamp, so a query that waits
// a little in the socket queue costs its client nothing; and one wake-up, one
// receive and one order datagram a slave then serve several races. An ordinary
// answer would be late by as much, so there is no waiting while they prevail
// (docs/design/gather.md). Pure, one owner.
#pragma once

#include <algorithm>

#include "common/base/time.hh"

namespace flagfall::master {

class Gather {
 public:
  /// `most`: how long a query may wait; 0: never.
  explicit Gather(Nanos most) : most_(most) {}

  /// The services' delays have changed.
  void set_most(Nanos most) { most_ = most; }

  /// One burst of this round of the loop. `full`: there may be more in the queue.
  void burst(MonoTime begun, unsigned queries, unsigned races, bool full) {
    if (queries_ == 0) begun_ = begun;
    queries_ += queries;
    races_ += races;
    full_ = full_ || full;
  }
  /// The round is over: do not look again before this. The epoch: look at once.
  MonoTime rest() {
    if (queries_ == 0) return {};
    // Queries that come less often than this would each wait alone, for nothing.
    const bool dense = begun_ - previous_ <= 2 * most_;
    const bool go = most_ > Nanos(0) && dense && !full_ && 2 * races_ >= queries_;
    previous_ = begun_;
    queries_ = races_ = 0;
    full_ = false;
    return go ? begun_ + most_ : MonoTime();
  }

 private:
  Nanos most_;
  MonoTime previous_;  // when the round before began
  MonoTime begun_;
  unsigned queries_ = 0;
  unsigned races_ = 0;
  bool full_ = false;
};

}  // namespace flagfall::master
