#include "sim/control.hh"

#include <fmt/format.h>
#include <algorithm>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "director/store/both_stores.hh"

namespace flagfall::sim {
namespace {

using nlohmann::json;

/// As app.cc and race_keeper.cc have them.
constexpr Nanos kDrain = std::chrono::milliseconds(50);
constexpr Nanos kTick = std::chrono::milliseconds(250);
constexpr Nanos kCount = std::chrono::seconds(2);
constexpr Nanos kPingTurn = std::chrono::seconds(1);
constexpr Nanos kRestore = std::chrono::seconds(5);

std::unique_ptr<master::DirectorDesk> open_desk(const master::Config& config, const Clock& clock,
                                                Random& random) {
  auto desk = master::DirectorDesk::open(config, clock, random);
  if (!desk) throw std::runtime_error(desk.error());
  return std::move(*desk);
}

net::AdminRequest request(const json& body) {
  net::AdminRequest out;
  out.body = body.dump();
  return out;
}

}  // namespace

Control::Control(Host& host, Options options, Disk& disk, Judge& judge, Random& random, Shell shell)
    : host_(host),
      config_(std::move(options.config)),
      store_options_(options.store),
      shared_options_(options.shared),
      disk_(disk),
      judge_(judge),
      shell_(std::move(shell)),
      clock_(host),
      names_(master::slave_names(config_)),
      races_(config_, 1, clock_, random),
      desk_(open_desk(config_, clock_, random)) {
  if (has_director()) {
    auto store = open_store(random);
    store_ = store.get();
    keeper_.emplace(*desk_, std::move(store), clock_);
  } else {
    keeper_.emplace(*desk_, nullptr, clock_);
  }
  routes_.emplace(*desk_, *keeper_, clock_);
}

Control::~Control() = default;

std::unique_ptr<director::Store> Control::open_store(Random& random) {
  auto file = std::make_unique<KeptStore>(host_, disk_, store_options_, random);
  if (shared_options_.server == nullptr) return file;
  return std::make_unique<director::BothStores>(
      std::move(file), std::make_unique<SharedStore>(host_, shared_options_, random));
}

bool Control::has_director() const {
  return std::ranges::any_of(config_.services, [](const auto& s) { return !s.director.policies.empty(); });
}

void Control::start() {
  races_.add(*desk_);
  races_.add(*this);
  // Nothing can be waited for here: of a disk that hangs, and of other masters, the bindings follow, as if
  // those seconds were over.
  const bool at_once = disk_.hangs_until() <= host_.world().now() && shared_options_.server == nullptr;
  if (store_ == nullptr || at_once) (void)keeper_->restore(kRestore);
  (void)desk_->tick();
  judge_.sessions(host_, {});
  look();
  host_.after(kDrain, [this] { turn(); });
  host_.after(kTick, [this] { tick(); });
}

void Control::turn() {
  races_.turn();
  judge_.ceiling(host_, "remembered races", races_.remembered(), judge_.promises().races);
  host_.after(kDrain, [this] { turn(); });
}

void Control::tick() {
  if (const MonoTime now = clock_.mono(); now - counted_ >= kCount) {
    counted_ = now;
    desk_->count(shell_.led);
  }
  if (desk_->tick()) shell_.publish();
  keeper_->tick();
  look();
  if (const MonoTime now = clock_.mono(); now - pinged_ >= kPingTurn) {
    pinged_ = now;
    for (const auto& [slave, clients] : desk_->pings()) shell_.ping(slave, clients);
  }
  host_.after(kTick, [this] { tick(); });
}

std::uint16_t Control::index_of(const std::string& slave) const {
  return static_cast<std::uint16_t>(std::ranges::lower_bound(names_, slave) - names_.begin());
}

void Control::report(const std::string& slave, const wire::Report& report) {
  races_.report(index_of(slave), report);
}

void Control::evidence(const master::SlaveState& slave, const wire::Evidence& evidence) {
  desk_->evidence(slave, evidence);
}

void Control::sessions(const std::vector<const master::SlaveState*>& slaves) {
  desk_->slaves(slaves);
  std::set<std::string> live;
  for (const master::SlaveState* const slave : slaves)
    if (slave->registered) live.insert(slave->name);
  judge_.sessions(host_, std::move(live));
}

/// Directors learn from the first word, statistics from the last one.
void Control::told(const race::FinishedRace& race, bool last) {
  if (!race.verdict || race.shadow) return;
  judge_.verdict(host_, race, names_.at(race.verdict->winner), last);
}

void Control::bind(std::size_t service, const Prefix& prefix, const std::string& server) {
  const std::string& name = config_.services.at(service).name;
  const auto reply =
      routes_->bind(request({{"service", name}, {"prefix", to_string(prefix)}, {"server", server}}));
  host_.world().trace.line(host_.world().now(), "{}: bind {} to {} for {}: {}", host_.name(),
                           to_string(prefix), server, name, reply.body);
  if (reply.status == 200) judge_.bound(host_, name, prefix, server);
  look();
}

void Control::unbind(std::size_t service, const Prefix& prefix) {
  const std::string& name = config_.services.at(service).name;
  const auto reply = routes_->unbind(request({{"service", name}, {"prefix", to_string(prefix)}}));
  host_.world().trace.line(host_.world().now(), "{}: unbind {} for {}: {}", host_.name(), to_string(prefix),
                           name, reply.body);
  if (reply.status == 200) judge_.unbound(host_, name, prefix);
  look();
}

void Control::drain(const std::string& server, bool drained) {
  const auto reply = routes_->drain(request({{"server", server}}), drained);
  host_.world().trace.line(host_.world().now(), "{}: {} {}: {}", host_.name(), drained ? "drain" : "undrain",
                           server, reply.body);
  if (reply.status == 200) judge_.drained(host_, server, drained);
  look();
}

ShownBook Control::shown() const {
  ShownBook out;
  for (std::size_t s = 0; s < config_.services.size(); ++s) {
    const director::ServiceDirector* const director = std::as_const(*desk_).of(s);
    if (director == nullptr) continue;
    const auto& book = director->book();
    out.full = out.full || book.size() >= director->options().book.most || book.counters().evicted.get() > 0;
    director->book().for_each([&](const director::Binding& b) {
      if (!b.order.empty())
        out.bindings.push_back({config_.services[s].name, b.prefix, desk_->name(s, b.order.best()),
                                b.reason.cause == director::Cause::by_hand});
    });
  }
  out.drained = desk_->drained();
  out.restored = store_ == nullptr || store_->restored();
  return out;
}

void Control::look() {
  if (store_ == nullptr) return;
  for (std::size_t s = 0; s < config_.services.size(); ++s)
    if (const auto* const director = std::as_const(*desk_).of(s))
      judge_.ceiling(host_, "clusters", director->book().size(), judge_.promises().clusters);
  const std::size_t stores = shared_options_.server != nullptr ? 2 : 1;
  judge_.ceiling(host_, "records that wait for the store", store_->health().waiting,
                 stores * judge_.promises().waiting_records);
  if (const auto& troubles = disk_.troubles().all(); !troubles.empty())
    judge_.sharing_trouble(troubles.back().until);
  const ShownBook now = shown();
  trace(now);
  judge_.book(host_, now);
}

/// What has changed since the last look, for the reader.
void Control::trace(const ShownBook& book) {
  World& world = host_.world();
  if (!world.trace.wanted()) return;
  std::set<std::string> now;
  for (const ShownBinding& b : book.bindings)
    now.insert(fmt::format("{} {} bound to {}{}", b.service, to_string(b.prefix), b.server,
                           b.by_hand ? " by hand" : ""));
  for (const std::string& line : now)
    if (!traced_.contains(line)) world.trace.line(world.now(), "{}: + {}", host_.name(), line);
  for (const std::string& line : traced_)
    if (!now.contains(line)) world.trace.line(world.now(), "{}: - {}", host_.name(), line);
  traced_ = std::move(now);
}

}  // namespace flagfall::sim
