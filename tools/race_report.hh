// What `flagfall race --report` tells a master of its races: bodies of POST
// /client-report, and what came of them. Pure; the racer's shell sends.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/result.hh"
#include "common/base/time.hh"

namespace flagfall::tools {

/// One race, by what the master knows it by.
struct RaceReport {
  struct Arrival {
    std::vector<IpAddress> answers;
    Nanos after{};  // since the query
  };
  Endpoint client;  // our own end of the socket
  std::uint16_t dns_id = 0;
  std::string name;
  std::uint16_t type = 0;
  std::vector<Arrival> arrivals;
};

class RaceReports {
 public:
  /// As many as the master takes at once; what it holds is not waited for by more than this.
  static constexpr std::size_t kBatch = 50;
  static constexpr std::size_t kMostWaiting = 1000;

  /// Races without an address in any answer tell nothing, and are left out.
  void add(RaceReport report);
  [[nodiscard]] bool waiting() const { return !waiting_.empty(); }
  /// A body with the oldest ones, which are then no longer waiting.
  [[nodiscard]] std::string take();
  /// The master's answer to `races` of them, or why there is none.
  void answered(const Result<std::string>& answer);

  /// What still waits will not be sent.
  void give_up();

  /// For the end of a run: a line, and another with what to do when reports were lost.
  [[nodiscard]] std::string summary() const;
  /// Some could not be handed over.
  [[nodiscard]] bool lost() const { return failed_ + dropped_ > 0; }
  /// Why the first report failed; empty: none did.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  std::deque<RaceReport> waiting_;
  std::uint64_t sent_ = 0, known_ = 0, dropped_ = 0, failed_ = 0;
  std::uint64_t under_way_ = 0;
  std::string trouble_;
};

}  // namespace flagfall::tools
