// Two services with a director and one without, three servers, and what the request loops would have of them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "master/director_desk.hh"
#include "master/snapshot_builder.hh"

namespace flagfall::master {

inline Config two_directors() {
  Config out;
  for (const char* name : {"web", "plain", "api"}) {
    ServiceConfig service;
    service.name = name;
    service.names = {std::string(name) + ".example.test", "*." + std::string(name) + ".example.test"};
    if (service.name != "plain") service.director.policies = {director::Policy::race};
    service.slaves = {{"fra", {*parse_ip("192.0.2.10"), *parse_ip("2001:db8:a::10")}},
                      {"nyc", {*parse_ip("192.0.2.20")}},
                      {"sin", {*parse_ip("192.0.2.30")}}};
    out.services.push_back(service);
  }
  return out;
}

struct TwoDirectors {
  Config config = two_directors();
  SeededRandom random{1};
  SystemClock clock;
  std::unique_ptr<DirectorDesk> desk = std::move(*DirectorDesk::open(config, clock, random));
  std::optional<SnapshotBuilder> made{std::in_place, config, std::vector{*parse_endpoint("192.0.2.1:53")}};
  SnapshotBuilder& builder = *made;
  std::vector<SlaveState> states;
  Snapshot published;

  TwoDirectors() { sessions({"fra", "nyc", "sin"}); }
  /// Who has one, from now on.
  void sessions(const std::vector<std::string>& names) {
    states.clear();
    for (const std::string& name : names) {
      SlaveState& s = states.emplace_back();
      s.name = name;
      s.registered = true;
      s.sessions = s.session = 1;
      s.ready = {1, 1, 1};
      s.last_report.racing = true;
      s.last_report.bound = std::chrono::milliseconds(1);
    }
    desk->slaves(slaves());
    publish();
  }
  [[nodiscard]] std::vector<const SlaveState*> slaves() const {
    std::vector<const SlaveState*> out;
    for (const SlaveState& state : states) out.push_back(&state);
    return out;
  }
  /// After a change of `config`.
  void reconfigure() {
    desk->reconfigure(*read_director_files(config));
    made.emplace(config, std::vector{*parse_endpoint("192.0.2.1:53")});
    publish();
  }
  void publish() {
    (void)desk->tick();
    published = builder.build(slaves(), clocksync::RefMap{}, false, nullptr);
    desk->apply(published);
  }
  void bind(const char* prefix, director::ServerIndex server, std::size_t service = 0) {
    desk->of(service)->bind(*parse_prefix(prefix), server, clock.mono());
    publish();
  }
};

}  // namespace flagfall::master
