#include "sim/scenario.hh"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sim/cast.hh"
#include "sim/fault_plan.hh"
#include "sim/operators.hh"
#include "sim/paths_plan.hh"
#include "sim/sample_zone.hh"
#include "sim/sharing_plan.hh"

namespace flagfall::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// More than any world needs: a core that asks to be called again and again at one moment is a bug.
constexpr std::uint64_t kMostEvents = 20'000'000;
/// So long all goes well in the end; then on until the last client has its answer or has given up, which
/// takes an unbound with two silent servers that were silent before a minute and more.
constexpr Nanos kSettle = seconds(25);
constexpr Nanos kPatience = seconds(150);
/// Within 5 s of a loss a slave races again, and may lose its session once more meanwhile.
constexpr Nanos kBack = seconds(15);
/// Of a clock's rate, in parts per billion: more than one that walks (fault_plan.cc) has left between two
/// measurements.
constexpr std::int64_t kWander = 1200;

class Play {
 public:
  Play(const ScenarioOptions& options, const ServedData& data)
      : options_(options),
        data_(data),
        lots_(options.seed ^ 0x5eed),
        others_(options.seed ^ 0xfa11),
        masters_count_(1 + (options.overloaded ? 0 : lots_.below(2))),
        plan_(options.seed ^ 0x1ea2, learners(options)),
        sharing_(options.seed ^ 0x5a4e, masters_count_, learners(options)),
        slaves_count_(1 + lots_.below(5)),
        clients_count_(3 + lots_.below(6)),
        world_(options.seed, sites() + 1, options.text),
        judge_(world_, promises()),
        operators_(world_, options.seed ^ 0x0b5) {
    world_.network.watch(judge_);
    PathsPlan paths(world_, options_, lots_, others_, faults_, masters_count_, sites());
    paths.set_scale();
    paths.lay();
    const bool hogged = paths.narrow();
    if (sharing_.shares()) sharing_.make_server(world_, judge_, sites(), sites(), options_.faults);
    make_masters();
    make_slaves();
    make_clients();
    make_attacker();
    for (auto& host : masters_) start_soon(*host);
    for (auto& host : slaves_) start_soon(*host);
    plan_queries();
    if (options_.faults) {
      fault_plan_.emplace(world_,
                          FaultPlan::Cast{masters_, slaves_, clients_count_, *attacker_, sharing_, hogged},
                          lots_, others_, faults_, options_.length);
      fault_plan_->plan();
    }
    plan_operators();
  }

  Outcome run() {
    play_until(kStart + options_.length + kSettle);
    const auto waits = [](const auto& client) { return client->waiting() > 0; };
    for (Nanos more = seconds(1); more < kPatience && std::ranges::any_of(clients_, waits);
         more += seconds(1))
      play_until(kStart + options_.length + kSettle + more);
    // A bad path may lose a session at any moment, also now; it is back soon.
    const auto lacks = [this](const auto& slave) { return slave->racing() != masters_count_; };
    const RefTime ended = world_.now();
    for (Nanos more = seconds(1); more < kBack && std::ranges::any_of(slaves_, lacks); more += seconds(1))
      play_until(ended + more);
    for (Nanos more = seconds(1); more < kBack && judge_.sharing_differs(); more += seconds(1))
      play_until(ended + more);
    if (const auto differs = judge_.sharing_differs(); differs && !judge_.broken())
      judge_.accuse("sharing: at the end " + *differs);
    for (const auto& slave : slaves_)
      if (!judge_.broken() && lacks(slave))
        judge_.accuse(fmt::format("session: {} races for {} of {} masters at the end, when all is well",
                                  slave->name(), slave->racing(), masters_count_));
    for (const auto& client : clients_)
      if (client->waiting() > 0) judge_.accuse("query: " + client->name() + " still waits at the end");
    Outcome out;
    out.broken = judge_.broken();
    out.at = world_.now() - kStart;
    out.digest = world_.trace.digest();
    out.trace = world_.trace.text();
    out.events = world_.queue.done();
    out.judge = judge_.counters();
    out.network = world_.network.counters();
    out.attacks = attacker_->counters();
    out.faults = faults_;
    for (const auto& client : clients_) out.clients += client->counters();
    return out;
  }

 private:
  void play_until(RefTime end) try {
    while (!judge_.broken() && world_.queue.step(end))
      if (world_.queue.done() > kMostEvents) judge_.accuse("ceiling: the events do not end");
  } catch (const std::exception& e) {  // what a core throws is a broken promise as well
    judge_.accuse(std::string("exception: ") + e.what());
  }

  static LearningPlan::Who learners(const ScenarioOptions& options) {
    using Who = LearningPlan::Who;
    return options.overloaded ? Who::nobody : options.attentive ? Who::all : Who::drawn;
  }

  // ---- the cast

  const Promises& promises() {
    if (sharing_.shares()) plan_.share();
    promises_.guard.total = {200, 400};
    if (lots_.chance(0.15)) promises_.guard.unverified = master::GuardOptions::Unverified::never;
    promises_.max_slaves = 1 + lots_.below(4);
    // Too short for the far slaves on purpose, unless all is to go well.
    const Nanos least = options_.faults ? milliseconds(15) : milliseconds(60);
    promises_.delays = {lots_.between(least, milliseconds(80)), lots_.between(least, milliseconds(80))};
    promises_.slave_cap = lots_.chance(0.2) ? BucketLimit{20, 20} : BucketLimit{10000, 20000};
    promises_.queue = milliseconds(400);
    if (options_.overloaded) {
      promises_.guard = {.total = {2000, 4000}, .prefix = {2000, 4000}};
      promises_.slave_cap = {20, 20};
    }
    plan_.promise(promises_);
    return promises_;
  }

  /// But for that of the records server, which is the last one.
  [[nodiscard]] SiteId sites() const { return masters_count_ + slaves_count_ + clients_count_ + 1; }

  HostClock any_clock() {
    return {kStart, lots_.between(seconds(10), seconds(1'000'000)),
            lots_.between(-milliseconds(200), milliseconds(200)),
            static_cast<std::int64_t>(lots_.below(100'001)) - 50'000};
  }
  ChronydQuality any_chronyd() {
    ChronydQuality out;
    out.error = lots_.between(microseconds(5), microseconds(900));
    out.poll = lots_.between(seconds(1), seconds(8));
    out.first = lots_.between(milliseconds(100), milliseconds(2500));
    const double leaps = others_.unit();
    out.leaps = leaps < 0.25 ? Leaps::slewed : leaps < 0.5 ? Leaps::nobody : Leaps::kernel;
    out.wander_ppb = kWander;
    return out;
  }

  std::vector<master::ServiceConfig> services() {
    std::vector<master::ServiceConfig> out(2);
    for (unsigned s = 0; s < 2; ++s) {
      out[s].name = s == 0 ? "web" : "api";
      out[s].delay = promises_.delays[s];
      out[s].late =
          lots_.chance(0.5) || options_.overloaded ? wire::LatePolicy::send : wire::LatePolicy::drop;
      out[s].ttl = static_cast<std::uint32_t>(others_.number(2, 30));
      for (unsigned i = 0; i < slaves_count_; ++i)
        if (s == 0 || lots_.chance(0.7)) out[s].slaves.push_back({slave_name(i), answers(i)});
    }
    return out;
  }

  void make_masters() {
    services_ = services();
    plan_.choose_policies(services_);
    for (unsigned i = 0; i < masters_count_; ++i) {
      MasterOptions o;
      master::Config& c = o.config;
      c.dns.listen = service_addresses(i);
      c.control.listen.all = {control(i)};
      c.services = services_;
      c.race.max_slaves = promises_.max_slaves;
      c.race.retry_window = promises_.retry_window;
      if (lots_.chance(0.3)) c.race.timestamp = master::RaceOptions::Timestamp::dequeue;
      c.clock.max_error = promises_.max_error;
      c.guard.unverified = promises_.guard.unverified;
      c.guard.rate = promises_.guard.total.rate;
      c.guard.burst = promises_.guard.total.burst;
      c.guard.prefix_rate = promises_.guard.prefix.rate;
      c.guard.prefix_burst = promises_.guard.prefix.burst;
      if (options_.faults && lots_.chance(0.3)) {
        o.refusals = 0.05;
        count(faults_, Fault::send_refused);
      }
      o.learns = plan_.among(i + 1 == masters_count_);
      if (o.learns) plan_.configure(c, promises_);
      o.shared = sharing_.options(i);
      const auto make = options_.make_master ? options_.make_master : plain_master;
      const ChronydQuality chronyd = any_chronyd();
      const HostClock clock = any_clock();
      masters_.push_back(make(world_, i, i, master_name(i), clock, chronyd, o, data_, judge_));
      judge_.add_master(*masters_.back(), o.config.dns.listen);
      judge_.add_services(c.services);
      if (o.learns && plan_.directs()) {
        judge_.add_directors(LearningPlan::directed(o.config));
        directors_.push_back(masters_.back().get());
        if (sharing_.shares()) judge_.add_sharing();
      }
    }
  }
  static std::unique_ptr<MasterHost> plain_master(World& w, HostId id, SiteId site, const std::string& name,
                                                  const HostClock& clock, const ChronydQuality& chronyd,
                                                  const MasterOptions& o, const ServedData& data,
                                                  Judge& judge) {
    return std::make_unique<MasterHost>(w, id, site, name, clock, chronyd, o, data, judge);
  }

  void make_slaves() {
    for (unsigned i = 0; i < slaves_count_; ++i) {
      SlaveOptions o;
      o.orders = orders(i);
      o.cap = promises_.slave_cap;
      o.max_error = promises_.max_error;
      if (options_.faults && others_.unit() < 0.3) {
        o.refusals = others_.unit() < 0.3 ? 1 : 0.05;
        count(faults_, Fault::answer_refused);
      }
      for (unsigned m = 0; m < masters_count_; ++m) {
        for (const Endpoint& at : service_addresses(m)) o.sources.push_back(at);
        o.masters.push_back({master_name(m), control(m)});
      }
      if (plan_.beacons()) o.dns = name_server(i);
      const HostId id = masters_count_ + i;
      const auto make = options_.make_slave ? options_.make_slave : plain_slave;
      const ChronydQuality chronyd = any_chronyd();
      const HostClock clock = any_clock();
      slaves_.push_back(make(world_, id, id, slave_name(i), clock, chronyd, o, judge_));
      judge_.add_slave(*slaves_.back(), o.sources, o.orders);
      if (plan_.beacons()) judge_.add_name_server(*slaves_.back(), name_server_of(i));
    }
  }
  static std::unique_ptr<SlaveHost> plain_slave(World& w, HostId id, SiteId site, const std::string& name,
                                                const HostClock& clock, const ChronydQuality& chronyd,
                                                const SlaveOptions& o, Judge& judge) {
    return std::make_unique<SlaveHost>(w, id, site, name, clock, chronyd, o, judge);
  }

  [[nodiscard]] NameServer name_server_of(unsigned slave) const {
    return LearningPlan::name_server(slave, slave_name(slave), answers(slave), services_);
  }

  void make_clients() {
    std::set<IpAddress> right;
    for (const IpAddress& ip : zone_addresses()) right.insert(ip);
    for (unsigned i = 0; i < slaves_count_; ++i)
      for (const IpAddress& ip : answers(i)) right.insert(ip);
    for (const IpAddress& ip : LearningPlan::sorry()) right.insert(ip);
    for (unsigned i = 0; i < clients_count_; ++i) {
      Client::Options o;
      const bool v6 = lots_.chance(0.4);
      // Some share a network, and so its budget.
      o.address = *parse_ip(v6 ? fmt::format("2001:db8:c0de:{}00::{}", i / 2, i + 1)
                               : fmt::format("100.64.{}.{}", i / 2, i + 1));
      for (unsigned m = 0; m < masters_count_; ++m) o.servers.push_back(service_addresses(m)[v6 ? 1 : 0]);
      o.right_answers = right;
      o.forger = masters_count_ + slaves_count_ + clients_count_;
      o.style = kResolverStyles[lots_.below(static_cast<std::uint32_t>(kResolverStyles.size()))];
      if (options_.overloaded) o.style = kResolverStyles.front();
      if (plan_.patient() && o.style.kind == ResolverStyle::Kind::unbound) o.style = kResolverStyles.back();
      o.may_be_refused = plan_.directs();
      o.least_ttl = plan_.least_ttl();
      networks_.push_back(o.address);
      const HostId id = masters_count_ + slaves_count_ + i;
      clients_.push_back(
          std::make_unique<Client>(world_, id, id, fmt::format("client{}", i), std::move(o), judge_));
    }
  }

  void make_attacker() {
    Attacker::Options o;
    for (unsigned m = 0; m < masters_count_; ++m) {
      for (const Endpoint& at : service_addresses(m)) o.services.push_back(at);
      o.controls.push_back(control(m));
    }
    for (unsigned s = 0; s < slaves_count_; ++s) o.orders.push_back(orders(s));
    for (unsigned s = 0; s < slaves_count_ && plan_.beacons(); ++s)
      o.name_servers.push_back(name_server_of(s));
    o.address = *parse_ip("203.0.113.200");
    const HostId id = sites() - 1;
    attacker_ = std::make_unique<Attacker>(world_, id, id, std::move(o), judge_);
    world_.network.watch(*attacker_);
    if (options_.faults) world_.queue.after(seconds(1), [this] { attacker_->start(); });
  }

  void start_soon(Host& host) {
    world_.queue.after(lots_.between(Nanos(0), seconds(1)), [&host] { host.start(); });
  }

  // ---- the play

  void plan_queries() {
    for (unsigned i = 0; i < options_.queries; ++i) {
      Client& client = *clients_[lots_.below(clients_count_)];
      const double kind = lots_.unit();
      std::string name = fmt::format("q{}.race.example.test", i);
      std::uint16_t type = lots_.chance(0.5) ? kTypeA : kTypeAaaa;
      if (kind < 0.15) name = kRacedName;
      if (kind >= 0.15 && kind < 0.3) {
        name = fmt::format("q{}.api.example.test", i);
        type = kTypeA;
      }
      if (kind >= 0.3 && kind < 0.4) name = "plain.example.test";
      if (kind >= 0.4 && kind < 0.45) {
        name = "example.test";
        type = kTypeMx;
      }
      if (kind >= 0.45 && kind < 0.5) type = kTypeTxt;
      world_.queue.after(lots_.between(kWarmUp, options_.length),
                         [&client, name, type] { client.ask(name, type); });
    }
    // Names that everybody asks for: caches see to it that few of these queries come to the masters.
    for (unsigned i = 0; i < options_.queries / 2 && !options_.overloaded; ++i) {
      Client& client = *clients_[static_cast<std::size_t>(others_.number(0, clients_count_))];
      const std::string name = fmt::format("p{}.race.example.test", others_.number(0, 20));
      world_.queue.after(others_.between(kWarmUp, options_.length),
                         [&client, name] { client.ask(name, kTypeA); });
    }
  }

  void plan_operators() {
    Operators::Options o;
    o.masters = directors_;
    for (std::size_t s = 0; s < plan_.policies().size(); ++s)
      if (!plan_.policies()[s].empty()) o.services.push_back(s);
    for (unsigned i = 0; i < slaves_count_; ++i) o.slaves.push_back(slave_name(i));
    o.clients = networks_;
    o.end = kStart + options_.length;
    o.together = sharing_.shares();
    operators_.begin(std::move(o));
    if (options_.faults)
      operators_.spoil_disks([this] { count(faults_, Fault::disk_hung); },
                             [this] { count(faults_, Fault::disk_full); });
    if (options_.faults)
      sharing_.befall(
          kStart + options_.length, [this] { count(faults_, Fault::records_away); },
          [this] { count(faults_, Fault::records_lost); });
  }

  ScenarioOptions options_;
  const ServedData& data_;  // NOLINT(*-ref-data-members)
  Lots lots_;
  Lots others_;  // for what came later: the worlds of known seeds stay as they are
  unsigned masters_count_;
  LearningPlan plan_;
  SharingPlan sharing_;
  unsigned slaves_count_, clients_count_;
  Promises promises_;
  std::vector<master::ServiceConfig> services_;  // as every master has them
  World world_;
  Judge judge_;
  std::vector<std::unique_ptr<MasterHost>> masters_;
  std::vector<std::unique_ptr<SlaveHost>> slaves_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<MasterHost*> directors_;  // masters that have one
  std::vector<IpAddress> networks_;     // of clients
  Operators operators_;
  std::unique_ptr<Attacker> attacker_;
  FaultCounts faults_{};
  std::optional<FaultPlan> fault_plan_;
};

}  // namespace

Outcome play(const ScenarioOptions& options, const ServedData& data) {
  return Play(options, data).run();
}

}  // namespace flagfall::sim
