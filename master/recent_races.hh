// The last races that finished, for who looks: GET /races and the page. Control
// thread only.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "master/race_observer.hh"

namespace flagfall::master {

class RecentRaces final : public RaceObserver {
 public:
  static constexpr std::size_t kMost = 100;

  void finished(const race::FinishedRace& race) override;
  /// `from_newest` 0 is the newest.
  [[nodiscard]] const race::FinishedRace& at(std::size_t from_newest) const;
  [[nodiscard]] std::size_t size() const { return races_.size(); }
  /// How many there were in all.
  [[nodiscard]] std::uint64_t total() const { return total_; }

 private:
  std::vector<race::FinishedRace> races_;  // as a ring, once it is full
  std::uint64_t total_ = 0;
};

/// One race as docs/admin.md has it; names by index.
nlohmann::json race_json(const race::FinishedRace& race, const std::vector<std::string>& slaves,
                         const std::vector<std::string>& services);

}  // namespace flagfall::master
