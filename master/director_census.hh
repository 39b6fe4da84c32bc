// How many client networks each server has now, and why: of all clusters, so it is counted at most once in
// ten seconds (a million take tens of milliseconds). Control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "master/director_desk.hh"

namespace flagfall::master {

class DirectorCensus {
 public:
  static constexpr Nanos kAgain = std::chrono::seconds(10);

  /// `desk` outlives it.
  explicit DirectorCensus(const DirectorDesk& desk) : desk_(desk) {}

  struct Service {
    using ByCause = std::array<std::uint64_t, director::kCauseNames.size()>;
    std::uint64_t learning = 0;  // known, and not bound yet
    std::vector<ByCause> bound;  // by server: its networks, by what bound them
    [[nodiscard]] std::uint64_t of(director::ServerIndex server) const;
  };
  /// By service; those without a director are empty.
  const std::vector<Service>& look(MonoTime now);

 private:
  const DirectorDesk& desk_;  // NOLINT(*-ref-data-members)
  std::vector<Service> services_;
  MonoTime counted_;
  bool ever_ = false;
};

}  // namespace flagfall::master
