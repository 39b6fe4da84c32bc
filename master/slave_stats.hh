// What slaves report about their races, added up over all sessions since the
// start of the master. Control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/histogram.hh"
#include "common/wire/session.hh"

namespace flagfall::master {

class SlaveStats {
 public:
  using Fate = wire::RaceOutcome::Fate;

  void add(const std::vector<wire::RaceOutcome>& outcomes) {
    for (const wire::RaceOutcome& o : outcomes) {
      const auto fate = static_cast<std::size_t>(o.fate);
      if (fate >= fates_.size()) continue;  // the parser lets none through
      ++fates_.at(fate);
      if (o.fate == Fate::withheld && o.transmit_error == Nanos(0)) ++withheld_in_time_;
      one_way.add(o.one_way);
      if (o.fate == Fate::sent)
        transmit_error.add(o.transmit_error < Nanos(0) ? -o.transmit_error : o.transmit_error);
    }
  }
  [[nodiscard]] std::uint64_t count(Fate fate) const { return fates_.at(static_cast<std::size_t>(fate)); }
  /// Of the orders that were not refused; none before the first.
  [[nodiscard]] std::optional<double> on_time_share() const {
    const std::uint64_t late = count(Fate::sent_late) + count(Fate::dropped_late);
    const std::uint64_t in_time = count(Fate::sent) + withheld_in_time_;
    const std::uint64_t all = count(Fate::sent) + count(Fate::withheld) + late;
    if (all == 0) return std::nullopt;
    return static_cast<double>(in_time) / static_cast<double>(all);
  }

  Histogram one_way;         // negative ones (clock error) count as zero
  Histogram transmit_error;  // distance from the instant, of answers on time

 private:
  std::array<std::uint64_t, 6> fates_{};
  std::uint64_t withheld_in_time_ = 0;
};

}  // namespace flagfall::master
