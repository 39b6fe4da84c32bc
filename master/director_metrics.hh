// The directors as Prometheus' families (docs/metrics.md). Labels are services, servers and words of the
// program: never clients. Control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "common/metrics/families.hh"
#include "common/wire/evidence.hh"
#include "master/director_census.hh"
#include "master/director_keeper.hh"

namespace flagfall::master {

/// What became of the pings that each slave was asked for.
class PingTally {
 public:
  enum class Fate : std::uint8_t { ordered, answered, silent, refused };
  static constexpr std::array<std::string_view, 4> kFates{"ordered", "answered", "silent", "refused"};

  void ordered(const std::string& slave, std::size_t pings);
  void heard(const std::string& slave, const wire::Evidence& evidence);
  using Counts = std::array<std::uint64_t, kFates.size()>;
  /// By slave: those that were ever asked.
  [[nodiscard]] const std::map<std::string, Counts>& counts() const { return counts_; }

 private:
  std::map<std::string, Counts> counts_;
};

struct DirectorMetrics {
  const DirectorDesk& desk;
  const DirectorKeeper& keeper;
  const PingTally& pings;
  const std::vector<DirectorCensus::Service>& census;
};

/// Nothing, when no service has a director.
void add_director(metrics::Families& out, const DirectorMetrics& source);

}  // namespace flagfall::master
