#include "master/delay_status.hh"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/units.hh"

namespace flagfall::master {

using nlohmann::json;

json delay_json(const DelayControl& delays, std::size_t service, MonoTime now) {
  const delay::Follower* const follower = delays.follower(service);
  if (follower == nullptr) return {{"mode", "fixed"}};
  const delay::Follow& follow = follower->follow();
  const delay::Follower::View& view = follower->view();
  json slaves = json::array();
  for (const std::uint16_t slave : view.slaves) slaves.push_back(delays.names().at(slave));
  json last = nullptr;
  if (const auto& change = delays.last_change(service))
    last = {{"ago_s", in_s(now - change->at)},
            {"from_ms", in_ms(change->change.from)},
            {"to_ms", in_ms(change->change.to)},
            {"why", delay::describe(change->change, follow, delays.names())}};
  return {{"mode", "follow"},
          {"on_time", follow.on_time},
          {"nearest", follow.nearest ? json(*follow.nearest) : json(nullptr)},
          {"at_least_ms", in_ms(follow.at_least)},
          {"at_most_ms", in_ms(follow.at_most)},
          {"wanted_ms", view.wanted > Nanos(0) ? json(in_ms(view.wanted)) : json(nullptr)},
          {"limited", view.limited},
          {"slaves", slaves},
          {"races", view.races},
          {"share", view.races > 0 ? json(view.share) : json(nullptr)},
          {"changes", follower->changes()},
          {"last_change", last}};
}

json ways_json(const DelayControl& delays, std::size_t service) {
  json out = json::object();
  for (const auto& [slave, window] : delays.ways().service(service).slaves) {
    json& way = out[delays.names().at(slave)] = {{"count", window->count()}};
    for (const auto& [name, q] : {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}})
      way[name] = in_ms(window->quantile(q));
    way["max"] = in_ms(window->most());
    way["needed_max"] = in_ms(window->most_needed());
    way["bound"] = in_ms(window->bound());
  }
  return out;
}

}  // namespace flagfall::master
