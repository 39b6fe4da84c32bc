// What goes wrong with a store, said once a kind in the log until it is over: a disk that is nearly full
// must not fill the log, too. The store's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "common/store/sqlite.hh"

namespace flagfall::store {

class Trouble {
 public:
  /// So long without it and it is over; in the unit of `now`.
  explicit Trouble(std::int64_t quiet) : quiet_(quiet) {}

  /// `lost`: what is lost so far, of anything that is counted. True: not said yet since it began.
  bool began(Fault::Kind kind, std::int64_t now, std::uint64_t lost) {
    last_ = now;
    if (said_.empty()) lost_before_ = lost;
    return said_.insert(kind).second;
  }
  /// All went well, at `now`. How much was lost meanwhile, when it has been well for long enough or `at_end`.
  std::optional<std::uint64_t> over(std::int64_t now, std::uint64_t lost, bool at_end) {
    if (said_.empty() || (!at_end && now < last_ + quiet_)) return std::nullopt;
    said_.clear();
    return lost - lost_before_;
  }
  [[nodiscard]] bool none() const { return said_.empty(); }

 private:
  std::int64_t quiet_;
  std::set<Fault::Kind> said_;
  std::int64_t last_ = 0;
  std::uint64_t lost_before_ = 0;
};

}  // namespace flagfall::store
