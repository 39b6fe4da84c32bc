#include "simulate/run.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>
#include <utility>

#include "common/base/units.hh"
#include "simulate/delay_for.hh"
#include "simulate/master_model.hh"
#include "simulate/race_model.hh"
#include "simulate/regions.hh"
#include "simulate/yardsticks.hh"

namespace flagfall::simulate {
namespace {

constexpr Nanos kTick = std::chrono::milliseconds(250);
/// After a race's instant, until its verdict is taken (master/race_ledger.cc).
constexpr Nanos kLook = std::chrono::milliseconds(500);
constexpr std::uint64_t kProgress = 100'000;
/// Of all slices. A gap of `requests` in all is 37 times the mean at most (-ln 2^-53), so the sum of them
/// stays below the 292 years that nanoseconds count.
constexpr Nanos kLongestPlay = std::chrono::hours(24 * 365 * 5);

struct Settling {
  MonoTime at;
  std::uint64_t number = 0;
  race::FinishedRace race;
  bool operator>(const Settling& o) const { return at != o.at ? at > o.at : number > o.number; }
};

struct Network {
  MonoTime first;
  std::uint32_t races = 0;
  std::uint16_t server = 0xffff;
  bool asked = false, bound = false;
};

bool by_geo(const Options& options) {
  return std::ranges::find(options.policies, director::Policy::geo) != options.policies.end();
}

class Run {
 public:
  Run(const Latencies& world, const Options& options, Population population, SeededRandom random)
      : world_(world),
        options_(options),
        population_(std::move(population)),
        regions_(split_regions(world)),
        random_(std::move(random)),
        master_(options, sizes(regions_), random_),
        races_(options, world.sites(), random_.next()),
        yardsticks_(world, random_.next()),
        networks_(population_.networks()),
        hash_(random_) {
    region_.reserve(world.places());
    for (std::size_t p = 0; p < world.places(); ++p)
      region_.push_back(regions_.sites.size() == 1 ? 0
                                                   : static_cast<std::uint16_t>(regions_.of_place(world, p)));
    for (const auto& sites : regions_.sites) contacts_.push_back(contact_of(world, sites, options.nearest));
    out_.slices.resize(world.slices() * options.rounds);
    place_geo();
    set_slice(0);
  }

  Outcome go(const std::function<void(double)>& progress) {
    const Nanos whole = options_.period * static_cast<std::int64_t>(out_.slices.size());
    const double mean_gap =
        std::chrono::duration<double>(whole).count() / static_cast<double>(options_.requests);
    double at = 0;
    for (std::uint64_t i = 0; i < options_.requests; ++i) {
      if (progress && i % kProgress == 0)
        progress(static_cast<double>(i) / static_cast<double>(options_.requests));
      at -= mean_gap * std::log(1 - random_.unit());
      const Nanos since(static_cast<std::int64_t>(at * 1e9));
      advance(kStart + since);
      const auto turn = std::min(static_cast<std::size_t>(since / options_.period), out_.slices.size() - 1);
      if (turn != turn_) set_slice(turn);
      request(population_.draw(random_), since >= options_.warm_up);
    }
    finish(at);
    return std::move(out_);
  }

 private:
  static std::vector<std::size_t> sizes(const Regions& regions) {
    std::vector<std::size_t> out;
    for (const auto& sites : regions.sites) out.push_back(sites.size());
    return out;
  }

  /// Policy "geo": an entry for each network.
  void place_geo() {
    if (!by_geo(options_)) return;
    std::vector<director::PrefixOrders> orders(regions_.sites.size());
    for (std::size_t n = 0; n < networks_.size(); ++n) {
      const std::size_t place = population_.place_of(n);
      const auto& sites = regions_.sites[region_[place]];
      std::size_t best = 0;
      for (std::size_t i = 1; i < sites.size(); ++i)
        if (world_.kilometres(place, sites[i]) < world_.kilometres(place, sites[best])) best = i;
      orders[region_[place]].push_back({{masked(population_.address(n, 0), 24), 24},
                                        director::Order::of(static_cast<director::ServerIndex>(best))});
    }
    for (std::size_t r = 0; r < orders.size(); ++r) master_.set_geo(r, orders[r]);
  }

  void set_slice(std::size_t turn) {
    turn_ = turn;
    slice_ = turn % world_.slices();
    yardsticks_.set_slice(slice_);
    races_.set_clocks();
    for (std::size_t r = 0; r < regions_.sites.size(); ++r) {
      master_.set_delay(r, delay_for(world_, slice_, regions_.sites[r], contacts_[r],
                                     {options_.delay, options_.nearest, options_.most_delay}));
      if (turn == 0) out_.delays.push_back(master_.delay(r));
    }
  }

  /// The control thread's part until then.
  void advance(MonoTime to) {
    while (next_tick_ <= to || (!settling_.empty() && settling_.top().at <= to)) {
      ++out_.events;
      if (!settling_.empty() && settling_.top().at <= next_tick_) {
        now_ = settling_.top().at;
        master_.settled(settling_.top().race, now_);
        settling_.pop();
        continue;
      }
      now_ = next_tick_;
      master_.tick(now_);
      if ((now_ - kStart) % std::chrono::seconds(1) == Nanos(0)) ping();
      next_tick_ += kTick;
    }
    now_ = to;
  }

  void ping() {
    master_.ping(now_, [&](std::uint16_t service, const IpAddress& client, director::ServerIndex server) {
      const auto place = population_.place_at(client);
      const double ms = world_.rtt(slice_, place, regions_.sites[service][server]);
      return std::max(ms * (1 - options_.jitter * std::log(1 - random_.unit())) / 1000, 1e-6);
    });
  }

  void request(std::size_t n, bool steady) {
    ++out_.events;
    const std::size_t place = population_.place_of(n);
    const std::size_t service = region_[place];
    const auto& sites = regions_.sites[service];
    const auto resolver = static_cast<unsigned>(random_.next() % options_.population.resolvers);
    const IpAddress client = population_.address(n, resolver);
    const double best = yardsticks_.request(place);
    Network& network = networks_[n];
    if (!network.asked) {
      network.asked = true;
      network.first = now_;
      ++out_.networks;
    }
    SliceFigures& figures = out_.slices[turn_];
    ++out_.requests;
    figures.requests += 1;
    if (steady) ++out_.steady_requests;
    const MasterModel::Decision decision = master_.request(service, client, now_);
    double ms = 0;
    if (decision.race) {
      ++out_.races;
      figures.races += 1;
      if (steady) ++out_.steady_races;
      if (!network.bound) ++network.races;
      ms = race(decision.plan, place, service, client);
    } else {
      const std::size_t site = sites[decision.server];
      ms = world_.rtt(slice_, place, site);
      ++(decision.bound ? out_.bound : out_.unraced);
      if (decision.bound) {
        figures.bound_ms += ms;
        figures.bound_oracle += best;
        out_.bound_only.add(ms);
        out_.oracle_of_bound.add(best);
        if (ms <= best * (1 + 1e-6)) ++out_.at_best;  // kept as a float
        if (ms <= std::max(best * 1.1, best + 1)) ++out_.near_best;
        bound(network, static_cast<std::uint16_t>(decision.server), place, sites, ms);
      }
    }
    out_.all.add(ms);
    out_.regret.add(ms - best);
    figures.all_ms += ms;
    figures.all_oracle += best;
  }

  double race(const master::RacePlan& plan, std::size_t place, std::size_t service, const IpAddress& client) {
    const Contact& contact = contacts_[service];
    Course course{.slice = slice_,
                  .place = place,
                  .master = contact.known ? std::optional(contact.master) : std::nullopt,
                  .sites = regions_.sites[service],
                  .delay = master_.delay(service),
                  .mute = mute(client),
                  .client = {client, 53},
                  .now = now_};
    Ran ran = races_.run(world_, plan, course);
    ran.race.service = static_cast<std::uint16_t>(service);
    out_.orders += plan.count;
    out_.answers += plan.count;
    out_.errors += ran.errors;
    out_.late_orders += ran.late;
    if (ran.race.verdict) {
      ++out_.verdicts;
      settling_.push({now_ + course.delay + kLook, out_.races, ran.race});
    }
    return ran.ms;
  }

  /// The same hosts always: a firewall in front of them.
  [[nodiscard]] bool mute(const IpAddress& client) const {
    const std::uint64_t lot = hash_.finish(hash_.mix(hash_.start(), client.bytes()));
    return static_cast<double>(lot >> 11U) * 0x1p-53 < options_.mute;
  }

  void bound(Network& network, std::uint16_t server, std::size_t place, const std::vector<std::size_t>& sites,
             double ms) {
    if (!network.bound) {
      network.bound = true;
      ++out_.networks_bound;
      out_.seconds_to_bind.add(std::chrono::duration<double>(now_ - network.first).count());
      out_.races_to_bind.add(network.races);
    } else if (network.server != server) {
      ++out_.flaps;
      if (ms > world_.rtt(slice_, place, sites[network.server])) ++out_.flaps_worse;
    }
    network.server = server;
  }

  void finish(double seconds) {
    for (std::size_t s = 0; s < world_.sites(); ++s) out_.site_names.push_back(world_.site_name(s));
    out_.virtual_seconds = seconds;
    out_.services = regions_.sites.size();
    out_.sites = world_.sites();
    out_.places = world_.places();
    for (std::size_t r = 0; r < regions_.sites.size(); ++r) {
      const director::ClusterBook& book = master_.director(r).book();
      out_.rebound += book.counters().rebound.get();
      out_.split += book.counters().split.get();
      out_.merged += book.counters().merged.get();
      out_.clusters += book.size();
    }
    out_.others = yardsticks_.finish(out_.best_single);
  }

  static constexpr MonoTime kStart = MonoTime(std::chrono::hours(1));
  const Latencies& world_;
  const Options& options_;
  Population population_;
  Regions regions_;
  SeededRandom random_;
  MasterModel master_;
  RaceModel races_;
  Yardsticks yardsticks_;
  std::vector<Network> networks_;
  SeededHash hash_;
  std::vector<std::uint16_t> region_;  // by place
  std::vector<Contact> contacts_;      // by region
  std::priority_queue<Settling, std::vector<Settling>, std::greater<>> settling_;
  MonoTime now_ = kStart, next_tick_ = kStart;
  std::size_t turn_ = 0, slice_ = 0;
  Outcome out_;
};

}  // namespace

Result<Outcome> run(const Latencies& world, const Options& options,
                    const std::function<void(double)>& progress) {
  if (by_geo(options) && !world.has_coordinates())
    return Error{fmt::format("--policy geo: it is not known where site '{}' is: write --places, too",
                             world.site_name(0))};
  const auto slices = static_cast<std::int64_t>(world.slices() * options.rounds);
  if (options.period > kLongestPlay / slices)
    return Error{
        fmt::format("{} slices of {:g} hours are more than five years", slices, in_s(options.period) / 3600)};
  SeededRandom random(options.seed);
  auto population = Population::make(options.population, world.places(), random);
  if (!population) return Error{population.error()};
  return Run(world, options, std::move(*population), random).go(progress);
}

}  // namespace flagfall::simulate
