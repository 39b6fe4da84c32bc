// What is known of the ways from the master to its slaves: for each service the
// rows of its last races, and for each slave in it a window of its one-way
// delays. Fed with every reported order; the delay's follower, `flagfall tune`
// and the metrics read it. Pure; control thread only.
//
// It does not decide anything, and keeps nothing over a restart: a minute of
// races tells it all again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "delay/rows.hh"
#include "delay/window.hh"

namespace flagfall::delay {

class OneWay {
 public:
  /// One service's.
  struct Service {
    Rows rows;
    std::map<std::uint16_t, std::unique_ptr<Window>> slaves;  // by slave index; those that have reported

    /// Null: it has not reported.
    [[nodiscard]] const Window* window(std::uint16_t slave) const {
      const auto found = slaves.find(slave);
      return found == slaves.end() ? nullptr : found->second.get();
    }
  };

  explicit OneWay(std::size_t services) : services_(services) {}

  /// One reported order; `now` never goes back. Orders that were not the slave's to answer (refused, failed)
  /// change nothing, and a service or slave that is not configured never gets here.
  void add(const race::OrderTiming& timing, MonoTime now) {
    if (!counts(timing.fate)) return;
    Service& service = services_.at(timing.service);
    service.rows.add(timing, now);
    auto& window = service.slaves[timing.slave];
    if (!window) window = std::make_unique<Window>();
    window->add(timing.one_way, needed(timing), timing.bound, now);
  }

  [[nodiscard]] const Service& service(std::size_t index) const { return services_.at(index); }
  [[nodiscard]] std::size_t services() const { return services_.size(); }

 private:
  std::vector<Service> services_;
};

}  // namespace flagfall::delay
