// From when to when something was not as it should be, in the order of time.
#pragma once

#include <algorithm>
#include <vector>

#include "common/base/time.hh"

namespace flagfall::sim {

struct Span {
  RefTime from, until;
};

class Spans {
 public:
  /// From `now` on; one that has not ended yet becomes longer.
  void add(RefTime now, Nanos how_long) {
    if (all_.empty() || all_.back().until < now) all_.push_back({now, now});
    all_.back().until = std::max(all_.back().until, now + how_long);
  }
  [[nodiscard]] const std::vector<Span>& all() const { return all_; }

 private:
  std::vector<Span> all_;
};

}  // namespace flagfall::sim
