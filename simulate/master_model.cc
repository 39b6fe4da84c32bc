#include "simulate/master_model.hh"

#include <algorithm>
#include <cstring>

#include "common/base/bytes.hh"

namespace flagfall::simulate {
namespace {

director::ServiceOptions service_options(const Options& options) {
  director::ServiceOptions out;
  out.policies = options.policies;
  out.book = options.book;
  out.sample = options.sample;
  return out;
}

master::RaceOptions race_options(const Options& options) {
  master::RaceOptions out;
  out.max_slaves = options.max_slaves;
  out.most_request = 512;
  out.teach.share = options.teach;
  return out;
}

bool has(const Options& options, director::Policy policy) {
  return std::ranges::find(options.policies, policy) != options.policies.end();
}

}  // namespace

MasterModel::MasterModel(const Options& options, const std::vector<std::size_t>& servers,
                         SeededRandom& random)
    : guide_({}, random),
      race_(race_options(options), 0, 1, 0, random),
      asked_(random),
      pings_(has(options, director::Policy::ping)),
      wants_(std::chrono::seconds(20)) {
  snapshot_.clock.status = wire::ClockStatus::synchronised;
  snapshot_.clock.drift_ppm = 0;
  snapshot_.max_error = std::chrono::milliseconds(1);
  for (const std::size_t count : servers) {
    directors_.push_back(
        std::make_unique<director::ServiceDirector>(service_options(options), count, random));
    master::RacedService& service = snapshot_.services.emplace_back();
    service.has_v4 = true;
    service.view = directors_.back()->view();
    for (std::size_t i = 0; i < count; ++i) {
      const auto slave = static_cast<std::uint16_t>(i);
      service.v4.push_back({.slave = slave, .ready = 1, .server = static_cast<director::ServerIndex>(i)});
      service.slaves.push_back(slave);
    }
    while (places_.size() < count) places_.emplace_back(static_cast<director::ServerIndex>(places_.size()));
  }
}

MasterModel::Decision MasterModel::request(std::size_t service, const IpAddress& client, MonoTime now) {
  const master::RacedService& raced = snapshot_.services[service];
  const master::Guide::Way way = guide_.decide(raced, client);
  if (const auto queries = asked_.tell(static_cast<std::uint16_t>(service), way.about, !way.learning, now);
      queries > 0) {
    directors_[service]->asked(way.about, queries, now);
    if (pings_) wants_.want(static_cast<std::uint16_t>(service), way.about, now);
  }
  Decision out;
  if (way.race) {
    // Every look-up has a name of its own under a raced wildcard: what a resolver has cached it does not ask.
    std::array<std::uint8_t, sizeof names_> name{};
    std::memcpy(name.data(), &++names_, sizeof names_);
    const master::RaceQuestion question{.client = client,
                                        .name = name,
                                        .type = 1,
                                        .service = static_cast<std::uint16_t>(service),
                                        .known = master::Guide::known(raced, way),
                                        .request_size = 64,
                                        .received = now};
    out.plan = race_.decide(snapshot_, question, {now, {}});
    out.race = out.plan.race;
    if (out.race) return out;
  }
  out.bound = way.bound || (!way.learning && !way.race);
  const auto line = guide_.line_up(raced, way, raced.view->fit, 1);
  out.server = line.servers.best();
  return out;
}

void MasterModel::settled(const race::FinishedRace& race, MonoTime now) {
  if (const auto win = master::win_of(race, places_)) directors_[race.service]->win(*win, now);
}

void MasterModel::tick(MonoTime now) {
  for (std::size_t s = 0; s < directors_.size(); ++s) {
    const bool changed = directors_[s]->advance(now);
    directors_[s]->take_changes();  // there is no store
    if (changed) snapshot_.services[s].view = directors_[s]->view();
  }
}

}  // namespace flagfall::simulate
