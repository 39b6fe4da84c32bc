// `clock.source = "master"`: the NTP servers that others name while we run.
// Status unknown until somebody has named one. New servers are asked beside the
// old ones, which stay in charge until the new ones know the time too, or have
// had their chance. Loop thread only.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "clocksync/clock_source.hh"

namespace flagfall::clocksync {

class LearnedSource final : public ClockSource {
 public:
  /// How long new servers may take until they are in charge, whatever they know.
  static constexpr Nanos kOverlap = std::chrono::seconds(10);

  /// `options`: everything but the servers. `updated` as NtpSource has it; never called from here or use().
  LearnedSource(net::Loop& loop, const Clock& clock, Random& random, NtpOptions options, Updated updated);
  ~LearnedSource() override;
  LearnedSource(const LearnedSource&) = delete;
  LearnedSource& operator=(const LearnedSource&) = delete;
  LearnedSource(LearnedSource&&) = delete;
  LearnedSource& operator=(LearnedSource&&) = delete;

  /// The servers to ask from now on, all that are known; the first kMostServers count. The same as before:
  /// nothing happens. Not from `updated`.
  void use(std::vector<NtpServerOptions> servers);

  [[nodiscard]] const RefMap& current() const override;
  [[nodiscard]] std::string_view provider() const override { return "master"; }
  void for_each_counter(const std::function<void(std::string_view, std::uint64_t)>& f) const override;

 private:
  void take_charge();

  net::Loop& loop_;
  const Clock& clock_;
  Random& random_;
  NtpOptions options_;
  Updated updated_;
  RefMap nobody_;
  std::unique_ptr<NtpSource> active_;
  std::unique_ptr<NtpSource> next_;
  std::uint64_t newest_ = 0;  // counts sources
  net::Watch overlap_;
};

}  // namespace flagfall::clocksync
