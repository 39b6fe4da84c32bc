// The services' delays as they are now: fixed ones, and those that follow the
// network (delay/follower.hh). Fed with every reported order; puts the delays into
// the snapshots that the request loops live on. Control thread only, no clock, no
// log: what is to be logged is returned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "delay/follower.hh"
#include "delay/one_way.hh"
#include "master/config.hh"
#include "master/race_observer.hh"
#include "master/snapshot.hh"

namespace flagfall::master {

class DelayControl {
 public:
  /// Both outlive the object. `names`: of all slaves, by index.
  DelayControl(const Config& config, const std::vector<std::string>& names);

  /// The configuration has changed where a reload may change it: delays that are configured as before go on
  /// as they are, the others begin anew.
  void reconfigure();

  /// One reported order. Timings of services that are not configured are ignored.
  void timed(const race::OrderTiming& timing, MonoTime now);

  struct Note {
    std::string text;      // for the log: "service web: delay 25 ms -> 31.2 ms: ..."
    bool changed = false;  // else only a warning: what is wanted is not allowed
  };
  /// Some times a second. `published`: whose runners are in the races now. A delay that has changed wants a
  /// new snapshot.
  std::vector<Note> tick(const Snapshot& published, MonoTime now);

  /// Sets the delays, and how long queries may gather with them.
  void apply(Snapshot& snapshot) const;

  /// Of a service, by its place in the configuration.
  [[nodiscard]] Nanos delay(std::size_t service) const;
  [[nodiscard]] const delay::Follower* follower(std::size_t service) const;  // null: fixed
  struct Last {
    MonoTime at;
    delay::Change change;
  };
  [[nodiscard]] const std::optional<Last>& last_change(std::size_t service) const;
  [[nodiscard]] const delay::OneWay& ways() const { return ways_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

 private:
  struct Service {
    DelayConfig made_of;
    Nanos fixed{};
    std::optional<delay::Follower> follower;
    std::optional<Last> last;
    MonoTime heard;  // the latest report
  };
  [[nodiscard]] static Service make(const DelayConfig& wanted);

  const Config& config_;
  const std::vector<std::string>& names_;
  delay::OneWay ways_;
  std::vector<Service> services_;
};

/// Brings what the ledger sees to it.
class DelayFeed final : public RaceObserver {
 public:
  /// Both outlive the object.
  DelayFeed(DelayControl& control, const Clock& clock) : control_(control), clock_(clock) {}
  void timed(const race::OrderTiming& timing) override { control_.timed(timing, clock_.mono()); }

 private:
  DelayControl& control_;
  const Clock& clock_;
};

}  // namespace flagfall::master
