// scripts/bench sim: one master, three slaves, clients in many networks, and a
// million requests that are all raced, in virtual time on one core, with the
// judge watching: how long that takes, and how many events a second the simulator
// does. The measure is CPU time, which on a free core is the time one waits.
// Beside it the event queue alone, against a heap of std::function.
#include <sys/resource.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <queue>
#include <stdexcept>
#include <vector>

#include "sim/client.hh"
#include "sim/sample_zone.hh"
#include "sim/slave_host.hh"

using namespace flagfall;       // NOLINT(*-using-namespace)
using namespace flagfall::sim;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

/// What the issue allows for a million requests.
constexpr double kLimitSeconds = 60;
constexpr std::uint64_t kLimitRequests = 1'000'000;
/// When slaves have dialled, measured their clocks and race.
constexpr Nanos kWarmUp = 10s;
constexpr Nanos kSettle = 10s;
constexpr unsigned kClientSites = 16;

struct Options {
  std::uint64_t requests = kLimitRequests;
  unsigned rate = 2000;  // a second of virtual time
  unsigned clients = 1000;
  static constexpr unsigned slaves = 3;
  std::uint64_t seed = 1;
  bool json = false;
};

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// ---- the world

class Load {
 public:
  explicit Load(const Options& o)
      : options_(o),
        data_(serve_sample_zone()),
        world_(o.seed, 1 + o.slaves + kClientSites, false),
        judge_(world_, promises()),
        left_(o.requests) {
    world_.network.watch(judge_);
    lay_paths();
    make_master();
    for (unsigned i = 0; i < o.slaves; ++i) make_slave(i);
    for (unsigned i = 0; i < o.clients; ++i) make_client(i);
    world_.queue.after(kWarmUp, [this] { ask(); });
  }
  /// Throws when a promise is broken, or when a request was not raced.
  void run() {
    const Nanos length = Nanos(static_cast<std::int64_t>(options_.requests) * 1'000'000'000 / options_.rate);
    const RefTime end = kStart + kWarmUp + length + kSettle;
    while (!judge_.broken() && world_.queue.step(end)) {
    }
    if (judge_.broken()) throw std::runtime_error(*judge_.broken());
    const JudgeCounters& c = judge_.counters();
    if (c.races != options_.requests || c.answered != options_.requests ||
        c.orders != c.races * options_.slaves || c.fired != c.orders)
      throw std::runtime_error(fmt::format("{} requests, but {} races, {} orders, {} answers sent, {} taken",
                                           options_.requests, c.races, c.orders, c.fired, c.answered));
  }
  [[nodiscard]] std::uint64_t events() const { return world_.queue.done(); }

 private:
  [[nodiscard]] static Promises promises() {
    Promises p;
    p.guard.total = p.guard.prefix = {1e9, 1e9};
    p.max_slaves = 4;  // three, and now and then an echo
    p.delays = {25ms, 25ms};
    p.queue = 10ms;
    p.memory = 60s;  // these clients ask twice, 5 s apart
    p.slave_cap = {1e9, 1e9};
    return p;
  }
  void lay_paths() {
    SeededRandom random(options_.seed);
    const SiteId sites = 1 + options_.slaves + kClientSites;
    for (SiteId a = 0; a < sites; ++a)
      for (SiteId b = 0; b < sites; ++b) {
        Path& path = world_.network.path(a, b);
        path.delay = 1ms + Nanos(static_cast<std::int64_t>(random.unit() * 19e6));
        path.jitter = 200us;
      }
  }
  [[nodiscard]] static Endpoint service() { return *parse_endpoint("192.0.2.53:53"); }
  [[nodiscard]] static Endpoint control() { return *parse_endpoint("10.0.0.1:4953"); }
  [[nodiscard]] static IpAddress answer(unsigned slave) {
    return *parse_ip(fmt::format("198.51.100.{}", slave + 1));
  }
  [[nodiscard]] static HostClock clock() { return {kStart, 1h, 3ms, 20'000}; }

  void make_master() {
    MasterOptions o;
    o.config.dns.listen = {service()};
    o.config.control.listen.all = {control()};
    o.config.race.max_slaves = promises().max_slaves;
    o.config.verdicts.teach = 0;  // such races leave slaves out on purpose
    for (const char* name : {"web", "api"}) {
      master::ServiceConfig& s = o.config.services.emplace_back();
      s.name = name;
      for (unsigned i = 0; i < options_.slaves; ++i)
        s.slaves.push_back({fmt::format("slave{}", i), {answer(i)}});
    }
    o.config.guard.rate = o.config.guard.burst = 1e6;
    o.config.guard.prefix_rate = o.config.guard.prefix_burst = 1e6;
    master_ =
        std::make_unique<MasterHost>(world_, 0, 0, "master0", clock(), ChronydQuality{}, o, data_, judge_);
    judge_.add_master(*master_, o.config.dns.listen);
    master_->start();
  }
  void make_slave(unsigned i) {
    SlaveOptions o;
    o.orders = *parse_endpoint(fmt::format("10.1.{}.1:4954", i));
    o.sources = {service()};
    o.masters = {{"master0", control()}};
    o.cap = {1e6, 1e6};
    auto& slave = *slaves_.emplace_back(std::make_unique<SlaveHost>(
        world_, 1 + i, 1 + i, fmt::format("slave{}", i), clock(), ChronydQuality{}, o, judge_));
    judge_.add_slave(slave, o.sources, o.orders);
    slave.start();
  }
  void make_client(unsigned i) {
    Client::Options o;
    o.address = *parse_ip(fmt::format("100.{}.{}.1", 64 + i / 256, i % 256));
    o.servers = {service()};
    for (unsigned s = 0; s < options_.slaves; ++s) o.right_answers.insert(answer(s));
    const HostId id = 1 + options_.slaves + i;
    clients_.push_back(std::make_unique<Client>(world_, id, 1 + options_.slaves + i % kClientSites,
                                                fmt::format("client{}", i), std::move(o), judge_));
  }
  void ask() {
    clients_[left_ % clients_.size()]->ask(fmt::format("q{}.race.example.test", left_), kTypeA);
    if (--left_ > 0) world_.queue.after(Nanos(1'000'000'000 / options_.rate), [this] { ask(); });
  }

  Options options_;
  ServedData data_;
  World world_;
  Judge judge_;
  std::uint64_t left_;
  std::unique_ptr<MasterHost> master_;
  std::vector<std::unique_ptr<SlaveHost>> slaves_;
  std::vector<std::unique_ptr<Client>> clients_;
};

// ---- the queue alone

/// The plain way, which the simulator had first.
class PlainQueue {
 public:
  explicit PlainQueue(RefTime start) : now_(start) {}
  [[nodiscard]] RefTime now() const { return now_; }
  void after(Nanos delay, std::function<void()> action) {
    events_.push({now_ + delay, next_++, std::move(action)});
  }
  bool step(RefTime end) {
    if (events_.empty() || events_.top().when > end) return false;
    const Event event = events_.top();
    events_.pop();
    now_ = event.when;
    event.action();
    return true;
  }

 private:
  struct Event {
    RefTime when;
    std::uint64_t number;
    std::function<void()> action;
    bool operator<(const Event& other) const {
      return when != other.when ? when > other.when : number > other.number;
    }
  };
  RefTime now_;
  std::uint64_t next_ = 0;
  std::priority_queue<Event> events_;
};

/// Each event asks for the next one, up to 100 ms later, with an endpoint and an address in its hands.
template <class Queue>
struct Hold {
  Queue queue{kStart};
  SeededRandom random{1};
  std::uint64_t sum = 0;

  void next(const Endpoint& from, const IpAddress& to) {
    queue.after(Nanos(static_cast<std::int64_t>(random.next() % 100'000'000)), [this, from, to] {
      sum += from.port + to.octets[0];
      next(from, to);
    });
  }
  double events_per_second() {
    constexpr unsigned kWaiting = 10'000, kEvents = 2'000'000;
    for (unsigned i = 0; i < kWaiting; ++i) next({{}, static_cast<std::uint16_t>(i)}, {});
    const double before = cpu_seconds();
    for (unsigned i = 0; i < kEvents; ++i) (void)queue.step(RefTime::max());
    return kEvents / (cpu_seconds() - before);
  }
};

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void run(const Options& o) {
  const double queue = Hold<EventQueue>().events_per_second();
  const double plain = Hold<PlainQueue>().events_per_second();
  const auto start = std::chrono::steady_clock::now();
  const double before = cpu_seconds();
  Load load(o);
  load.run();
  const double cpu = cpu_seconds() - before;
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto events = static_cast<double>(load.events());
  const auto requests = static_cast<double>(o.requests);
  const double ratio = cpu / (kLimitSeconds * requests / static_cast<double>(kLimitRequests));
  fmt::print(
      "{} raced requests, {} slaves: {:.1f} s of one core ({:.1f} s by the wall), {:.2f} of the limit\n",
      o.requests, o.slaves, cpu, wall, ratio);
  fmt::print("{} events, {:.0f} a second; {:.0f} requests a second; at most {:.0f} MiB\n", load.events(),
             events / cpu, requests / cpu, peak_mib());
  fmt::print(
      "the event queue alone: {:.2f} million events a second; a heap of std::function: {:.2f} million\n",
      queue * 1e-6, plain * 1e-6);
  if (o.json)
    fmt::print("{}\n", nlohmann::json{{"requests", o.requests},
                                      {"slaves", o.slaves},
                                      {"seconds", cpu},
                                      {"wall_seconds", wall},
                                      {"limit_seconds", kLimitSeconds},
                                      {"ratio", ratio},
                                      {"events", load.events()},
                                      {"events_per_second", events / cpu},
                                      {"requests_per_second", requests / cpu},
                                      {"peak_mib", peak_mib()},
                                      {"queue_events_per_second", queue},
                                      {"plain_queue_events_per_second", plain},
                                      {"queue_ratio", plain / queue}}
                           .dump());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app("A million raced requests in virtual time, on one core");
    Options o;
    app.add_option("--requests", o.requests, "How many")
        ->capture_default_str()
        ->check(CLI::Range(1, 100'000'000));
    app.add_option("--rate", o.rate, "Requests a second of virtual time")
        ->capture_default_str()
        ->check(CLI::Range(1, 10'000));
    app.add_option("--clients", o.clients, "Client networks, one client each")
        ->capture_default_str()
        ->check(CLI::Range(1, 16'384));
    app.add_option("--seed", o.seed, "Of the world")->capture_default_str();
    app.add_flag("--json", o.json, "End with one line of JSON");
    CLI11_PARSE(app, argc, argv);
    run(o);
    return 0;
  } catch (const std::exception& e) {
    (void)std::fprintf(stderr, "bench_sim: %s\n", e.what());
    return 1;
  }
}
