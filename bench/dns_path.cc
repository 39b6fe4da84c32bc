// What one DNS query costs the master in user time, without any socket: parse,
// cookies, look-up, answer; or a race, with sealed orders for three slaves, and what
// the ledger is told of it. Prints ns per query for each kind; --json adds one
// line of JSON. The zone has 100,000 names.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/base/time.hh"
#include "common/dns/front_end.hh"
#include "master/request_core.hh"

namespace {

using flagfall::Bytes;
using flagfall::ByteWriter;
using flagfall::Endpoint;
using flagfall::dns::Cookies;
using flagfall::dns::FrontEnd;
using flagfall::dns::Transport;
using flagfall::dns::Zone;
using Octets = std::vector<std::uint8_t>;

constexpr unsigned kNames = 100'000;
constexpr unsigned kDistinct = 4096;  // queries a kind; more than the caches' first level holds
constexpr unsigned kRounds = 5;       // the best one counts
constexpr unsigned kQueries = 400'000;
constexpr std::uint32_t kNow = 1'800'000'000;

std::unique_ptr<Zone> make_zone() {
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("flagfall-bench-{}", getpid())).string();
  {
    std::ofstream out(path);
    out << "$TTL 300\n@ SOA ns host 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n*.race A 192.0.2.2\n*.race A "
           "192.0.2.3\n";
    for (unsigned i = 0; i < kNames; ++i)
      out << fmt::format("h{} A 10.{}.{}.{}\n", i, i >> 16, i >> 8 & 255, i & 255);
  }
  flagfall::SystemRandom random;
  auto zone = Zone::load(path, "example.test", {{"*.race.example.test", 0}}, random);
  std::filesystem::remove(path);
  if (!zone) throw std::runtime_error(zone.error());
  return std::move(*zone);
}

void write_name(ByteWriter& w, std::string_view name) {
  while (!name.empty()) {
    const auto dot = std::min(name.find('.'), name.size());
    w.u8(static_cast<std::uint8_t>(dot));
    w.bytes(flagfall::as_bytes(name.substr(0, dot)));
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  w.u8(0);
}

/// An A query; `cookie` of 24 octets or none, and EDNS with it.
Octets make_query(const std::string& name, Bytes cookie) {
  Octets out(512);
  ByteWriter w(out);
  for (const unsigned v : {0x1234U, 0x0100U, 1U, 0U, 0U, cookie.empty() ? 0U : 1U})
    w.u16(static_cast<std::uint16_t>(v));
  write_name(w, name);
  w.u16(1);
  w.u16(1);
  if (!cookie.empty()) {
    w.u8(0);
    for (const unsigned v : {41U, 1232U, 0U, 0U}) w.u16(static_cast<std::uint16_t>(v));
    w.u16(static_cast<std::uint16_t>(cookie.size() + 4));
    w.u16(10);
    w.sized(cookie);
  }
  out.resize(w.size());
  return out;
}

struct Kind {
  std::string key;
  std::string what;
  std::vector<Octets> queries;
};

/// This thread's processor time: what else the machine does is not ours.
double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(flagfall::from_timespec(t).count());
}

double measure(FrontEnd& front, const Kind& kind, const Endpoint& client) {
  Octets room(1232);
  flagfall::wire::DnsQuery query;
  double best = 1e9;
  std::size_t sink = 0;
  for (unsigned round = 0; round < kRounds; ++round) {
    const double start = cpu_ns();
    for (unsigned i = 0; i < kQueries; ++i) {
      const auto result =
          front.handle(kind.queries[i % kDistinct], client, Transport::udp, kNow, query, room);
      sink += result.length;
      if (result.action == FrontEnd::Result::Action::race)
        sink += front.ordinary(query, result, Transport::udp, room);
    }
    best = std::min(best, (cpu_ns() - start) / kQueries);
  }
  if (sink == 0) throw std::runtime_error("nothing was answered");
  return best;
}

/// Takes everything, sends nothing.
class Nowhere final : public flagfall::master::RequestOutput {
 public:
  flagfall::MutableBytes answer_room() override { return room_; }
  void send_answer(std::size_t /*length*/, const Endpoint& /*to*/) override {}
  void send_orders(std::span<flagfall::master::OrderDatagram> datagrams) override {
    for (auto& d : datagrams) d.sent = true;
  }

 private:
  Octets room_ = Octets(1232);
};

/// A ring as in a request loop; emptied here when it is full, where the control thread would.
class Ring final : public flagfall::master::RaceLog {
 public:
  void log(const flagfall::master::RaceRecord& record) noexcept override {
    if (ring_->ring.push(record)) return;
    flagfall::master::RaceRecord out;
    while (ring_->ring.pop(out)) {
    }
  }

 private:
  std::unique_ptr<flagfall::master::RecordRing> ring_ = std::make_unique<flagfall::master::RecordRing>();
};

/// One race, in bursts of 32.
double measure_races(FrontEnd& front, const Kind& kind, const Endpoint& client,
                     flagfall::master::RaceLog* log) {
  namespace master = flagfall::master;
  constexpr unsigned kBurst = 32;
  constexpr flagfall::MonoTime kStart{flagfall::Nanos(1'000'000'000)};
  flagfall::SeededRandom random(1);
  master::RequestOptions options;
  options.race.retry_window = flagfall::Nanos(0);
  options.race.guard.total = options.race.guard.prefix = {1e9, 1e9};
  options.slaves = 3;
  master::RequestCore core(options, front, random, log);
  auto snapshot = std::make_shared<master::Snapshot>();
  snapshot->slaves.resize(3);
  master::RacedService& service = snapshot->services.emplace_back();
  service.delay = std::chrono::milliseconds(25);
  service.has_v4 = true;
  for (std::uint16_t i = 0; i < 3; ++i) {
    snapshot->slaves[i] = {true, 7U + i, {}, {client.ip, 4954}};
    service.v4.push_back({i, 0, 1});
  }
  snapshot->clock.status = flagfall::wire::ClockStatus::synchronised;
  snapshot->clock.measured = kStart;
  snapshot->max_error = std::chrono::milliseconds(5);
  core.take_over(snapshot);
  Nowhere output;
  double best = 1e9;
  flagfall::MonoTime now = kStart;
  for (unsigned round = 0; round < kRounds; ++round) {
    const double start = cpu_ns();
    for (unsigned i = 0; i < kQueries; i += kBurst) {
      now += std::chrono::microseconds(50);
      core.begin({now, flagfall::Nanos(0)});
      for (unsigned n = 0; n < kBurst; ++n)
        core.query(kind.queries[(i + n) % kDistinct], client, flagfall::RealTime(), 0, output);
      core.finish(now, output);
    }
    best = std::min(best, (cpu_ns() - start) / kQueries);
  }
  if (core.counters().races.get() < kQueries) throw std::runtime_error("not all were raced");
  return best;
}

/// One ordinary answer of a request loop, in bursts of 32, to clients of 100,000 networks; limited or not.
double measure_answers(FrontEnd& front, const Kind& kind, double rate) {
  namespace master = flagfall::master;
  constexpr unsigned kBurst = 32;
  constexpr unsigned kNetworks = 100'000;
  flagfall::SeededRandom random(1);
  master::RequestOptions options;
  options.limit.network.rate = rate;
  master::RequestCore core(options, front, random);
  core.take_over(std::make_shared<master::Snapshot>());
  std::vector<Endpoint> clients(kNetworks);
  for (Endpoint& c : clients) {
    const std::uint64_t r = random.next();
    c = {{{static_cast<std::uint8_t>(1 + r % 223), static_cast<std::uint8_t>(r >> 8),
           static_cast<std::uint8_t>(r >> 16), static_cast<std::uint8_t>(r >> 24)},
          flagfall::Family::v4},
         5353};
  }
  Nowhere output;
  double best = 1e9;
  flagfall::MonoTime now{std::chrono::hours(1)};
  for (unsigned round = 0; round < kRounds; ++round) {
    const double start = cpu_ns();
    for (unsigned i = 0; i < kQueries; i += kBurst) {
      now += std::chrono::microseconds(64);  // half a million a second
      core.begin({now, flagfall::Nanos(0)});
      for (unsigned n = 0; n < kBurst; ++n)
        core.query(kind.queries[(i + n) % kDistinct], clients[(i + n) % kNetworks], flagfall::RealTime(), 0,
                   output);
      core.finish(now, output);
    }
    best = std::min(best, (cpu_ns() - start) / kQueries);
  }
  if (core.counters().limited.get() > 0) throw std::runtime_error("answers were limited");
  return best;
}

std::vector<Kind> make_kinds(const Cookies& cookies, const Endpoint& client) {
  const Cookies::Client mine{1, 2, 3, 4, 5, 6, 7, 8};
  const auto server = cookies.make(mine, client.ip, kNow - 60);
  Octets cookie(mine.begin(), mine.end());
  cookie.insert(cookie.end(), server.begin(), server.end());
  std::vector<Kind> kinds{{"host", "a name of its own", {}},
                          {"wildcard", "a raced wildcard's, answered", {}},
                          {"cookie", "the same with EDNS and a valid cookie", {}},
                          {"nxdomain", "a name that is not there", {}},
                          {"refused", "another zone's", {}}};
  for (unsigned i = 0; i < kDistinct; ++i) {
    kinds[0].queries.push_back(make_query(fmt::format("h{}.example.test", i * 7919 % kNames), {}));
    kinds[1].queries.push_back(make_query(fmt::format("q{}.race.example.test", i), {}));
    kinds[2].queries.push_back(make_query(fmt::format("q{}.race.example.test", i), cookie));
    kinds[3].queries.push_back(make_query(fmt::format("no{}.example.test", i), {}));
    kinds[4].queries.push_back(make_query(fmt::format("www{}.example.org", i), {}));
  }
  return kinds;
}

}  // namespace

int main(int argc, char** argv) {
  const bool json = argc > 1 && std::string_view(argv[1]) == "--json";
  try {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::unique_ptr<Zone>> zones;
    zones.push_back(make_zone());
    const std::chrono::duration<double> load = std::chrono::steady_clock::now() - start;
    const Cookies cookies({Cookies::Secret{1, 2, 3}});
    FrontEnd front(zones, cookies, {.nsid = "bench"});
    const Endpoint client{*flagfall::parse_ip("192.0.2.99"), 5353};
    fmt::print("zone of {} records written and loaded in {:.2f} s\n", zones[0]->record_count(), load.count());
    std::string line = fmt::format("{{\"load_s\": {:.3f}", load.count());
    const std::vector<Kind> kinds = make_kinds(cookies, client);
    for (const Kind& kind : kinds) {
      const double ns = measure(front, kind, client);
      fmt::print("{:<40} {:>7.0f} ns/query\n", kind.what, ns);
      line += fmt::format(", \"{}_ns\": {:.0f}", kind.key, ns);
    }
    for (const auto& [key, what, rate] :
         {std::tuple("answer", "the first in a request loop", 0.0),
          std::tuple("answer_limited", "the same, with a rate limit", 200.0)}) {
      const double ns = measure_answers(front, kinds[0], rate);
      fmt::print("{:<40} {:>7.0f} ns/query\n", what, ns);
      line += fmt::format(", \"{}_ns\": {:.0f}", key, ns);
    }
    Ring ring;
    for (const auto& [key, what, log] :
         {std::tuple("race", "a race of three slaves, sealed", static_cast<Ring*>(nullptr)),
          std::tuple("race_logged", "the same, and the ledger is told", &ring)}) {
      const double ns = measure_races(front, kinds[1], client, log);
      fmt::print("{:<40} {:>7.0f} ns/query\n", what, ns);
      line += fmt::format(", \"{}_ns\": {:.0f}", key, ns);
    }
    if (json) fmt::print("{}}}\n", line);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_dns_path: {}\n", error.what());
    return 1;
  }
}
