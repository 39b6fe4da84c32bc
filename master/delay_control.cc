#include "master/delay_control.hh"

#include <fmt/core.h>

#include <algorithm>

namespace flagfall::master {
namespace {

/// Without reports for so long, nothing that was heard has still to settle.
constexpr Nanos kQuiet = std::chrono::seconds(5);

std::vector<std::uint16_t> runners(const RacedService& service) {
  std::vector<std::uint16_t> out;
  for (const auto* family : {&service.v4, &service.v6})
    for (const Runner& runner : *family)
      if (std::ranges::find(out, runner.slave) == out.end()) out.push_back(runner.slave);
  return out;
}

bool same(const DelayConfig& a, const DelayConfig& b) {
  const auto* const one = std::get_if<delay::Follow>(&a);
  const auto* const other = std::get_if<delay::Follow>(&b);
  if (one == nullptr || other == nullptr) return one == other && std::get<Nanos>(a) == std::get<Nanos>(b);
  return one->on_time == other->on_time && one->nearest == other->nearest &&
         one->at_least == other->at_least && one->at_most == other->at_most;
}

}  // namespace

DelayControl::DelayControl(const Config& config, const std::vector<std::string>& names)
    : config_(config), names_(names), ways_(config.services.size()) {
  for (const ServiceConfig& service : config.services) services_.push_back(make(service.delay));
}

DelayControl::Service DelayControl::make(const DelayConfig& wanted) {
  Service out;
  out.made_of = wanted;
  out.fixed = first_delay(wanted);
  if (const auto* const follow = std::get_if<delay::Follow>(&wanted)) out.follower.emplace(*follow);
  return out;
}

void DelayControl::reconfigure() {
  for (std::size_t i = 0; i < services_.size(); ++i)
    if (!same(services_[i].made_of, config_.services[i].delay))
      services_[i] = make(config_.services[i].delay);
}

void DelayControl::timed(const race::OrderTiming& timing, MonoTime now) {
  if (timing.service >= services_.size() || timing.slave >= names_.size()) return;
  services_[timing.service].heard = now;
  ways_.add(timing, now);
}

std::vector<DelayControl::Note> DelayControl::tick(const Snapshot& published, MonoTime now) {
  std::vector<Note> notes;
  const std::size_t count = std::min(services_.size(), published.services.size());
  for (std::size_t i = 0; i < count; ++i) {
    Service& s = services_[i];
    if (!s.follower || s.heard == MonoTime() || now - s.heard > kQuiet) continue;
    const auto change = s.follower->step(ways_.service(i), runners(published.services[i]), now);
    if (!change) continue;
    const bool changed = change->from != change->to;
    if (changed) s.last = Last{now, *change};
    notes.push_back({fmt::format("service {}: delay {}", config_.services[i].name,
                                 delay::describe(*change, s.follower->follow(), names_)),
                     changed});
  }
  return notes;
}

void DelayControl::apply(Snapshot& snapshot) const {
  Nanos shortest = Nanos::max();
  for (std::size_t i = 0; i < snapshot.services.size(); ++i) {
    snapshot.services[i].delay = delay(i);
    shortest = std::min(shortest, delay(i));
  }
  snapshot.gather = gather_time(config_, shortest);
}

Nanos DelayControl::delay(std::size_t service) const {
  const Service& s = services_.at(service);
  return s.follower ? s.follower->delay() : s.fixed;
}

const delay::Follower* DelayControl::follower(std::size_t service) const {
  const Service& s = services_.at(service);
  return s.follower ? &*s.follower : nullptr;
}

const std::optional<DelayControl::Last>& DelayControl::last_change(std::size_t service) const {
  return services_.at(service).last;
}

}  // namespace flagfall::master
