// What a cluster book may be told, and what it counts. Values only.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <vector>

#include "common/base/counters.hh"
#include "common/base/time.hh"
#include "director/evidence.hh"

namespace flagfall::director {

struct BookOptions {
  unsigned coarsest_v4 = 16, finest_v4 = 24;
  unsigned coarsest_v6 = 32, finest_v6 = 56;
  /// Kinds of evidence that bind, most trusted first: the first with an opinion decides.
  std::vector<Kind> kinds{Kind::race};
  unsigned verdicts = 3;                      // agreeing evidence that binds
  double share = 2.0 / 3;                     // and this share of it for one server
  Nanos remember = std::chrono::hours(1);     // evidence that is older is forgotten
  Nanos forget = std::chrono::hours(24 * 7);  // a cluster nobody asks for is dropped
  double hysteresis = 0.1;                    // another server must be better by this share of its figure
  Nanos least_gain = std::chrono::milliseconds(1);  // and by this, for times
  std::size_t most = 1'000'000;                     // clusters; what matters least is evicted
  Nanos patience = std::chrono::seconds(10);        // for a figure of every server; then two servers' will do
};

struct BookCounters {
  Counter wins, ties, measures, refused, bound, rebound, split, merged, aged, evicted;
  std::array<Counter, kKindNames.size()> taken, not_taken;  // evidence, by its kind
  template <class F>
  void for_each(F f) const {
    f("wins", wins);
    f("ties", ties);
    f("measures", measures);
    f("refused", refused);
    f("bound", bound);
    f("rebound", rebound);
    f("split", split);
    f("merged", merged);
    f("aged", aged);
    f("evicted", evicted);
  }
};

}  // namespace flagfall::director
