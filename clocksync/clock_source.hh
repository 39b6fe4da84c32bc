// Who knows the time: one interface to the providers, so that daemons need not
// care. `clock.source = "chrony"` asks a chronyd on this host; "ntp" and "master"
// ask NTP servers themselves, the configured ones or the one beside the master.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <variant>

#include "clocksync/chrony_source.hh"
#include "clocksync/ntp_source.hh"
#include "clocksync/ref_clock.hh"

namespace flagfall::clocksync {

class ClockSource {
 public:
  using Updated = std::function<void(const RefMap&)>;

  virtual ~ClockSource() = default;
  ClockSource(const ClockSource&) = delete;
  ClockSource& operator=(const ClockSource&) = delete;
  ClockSource(ClockSource&&) = delete;
  ClockSource& operator=(ClockSource&&) = delete;

  /// The newest map; copy it to use it on another thread.
  [[nodiscard]] virtual const RefMap& current() const = 0;
  /// "chrony" or "ntp": for reports and logs.
  [[nodiscard]] virtual std::string_view provider() const = 0;
  virtual void for_each_counter(const std::function<void(std::string_view, std::uint64_t)>& f) const = 0;

 protected:
  ClockSource() = default;
};

using ClockSourceOptions = std::variant<ChronyOptions, NtpOptions>;

/// The provider that the options are for; throws as its constructor does. `updated` is called on the loop's
/// thread, never from here. To change servers (another master), destroy it and make another.
std::unique_ptr<ClockSource> make_clock_source(net::Loop& loop, const Clock& clock, Random& random,
                                               const ClockSourceOptions& options,
                                               ClockSource::Updated updated);

}  // namespace flagfall::clocksync
