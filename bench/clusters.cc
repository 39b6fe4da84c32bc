// What a cluster book costs with a million clusters: memory, a client that asks, a win, and strangers'
// prefixes at the ceiling. CPU time of this thread, so other load does not count (but shares the caches).
#include <fmt/core.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/base/random.hh"
#include "director/cluster_book.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a program
using namespace flagfall::director;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::size_t kServers = 8;
constexpr ServerMask kAll = 0xff;

double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

double allocated() {
  const auto m = mallinfo2();
  return static_cast<double>(m.uordblks + m.hblkhd);
}

IpAddress address(std::uint64_t net, std::uint64_t host) {
  IpAddress ip{{}, Family::v6};
  ip.octets.at(0) = 0x20;
  for (std::size_t i = 0; i < 3; ++i) ip.octets.at(1 + i) = static_cast<std::uint8_t>(net >> (16 - 8 * i));
  for (std::size_t i = 0; i < 4; ++i) ip.octets.at(4 + i) = static_cast<std::uint8_t>(host >> (24 - 8 * i));
  return ip;
}

struct Bench {
  explicit Bench(std::size_t n) : clusters(n) {
    BookOptions options;
    options.most = n;
    book.emplace(options, kServers, random);
  }
  std::size_t clusters;
  SeededRandom random{1}, lot{2};
  MonoTime now = from_ns<MonoTime>(1'000'000'000'000);
  std::optional<ClusterBook> book;

  Win win(std::uint64_t net, bool odd) {
    Win out;
    out.client = address(net, lot.next());
    out.winner = static_cast<ServerIndex>((net + (odd ? 1 : 0)) % kServers);
    out.losers = kAll & ~bit(out.winner);
    out.certainty = race::Certainty::certain;
    return out;
  }
  /// ns a call, and the longest of them.
  template <class F>
  std::pair<double, double> time(std::size_t calls, F f) {
    double longest = 0;
    const double begin = cpu_ns();
    for (std::size_t i = 0; i < calls; ++i) {
      const double before = i % 16 == 0 ? cpu_ns() : 0;
      now += Nanos(1000);
      f(i);
      if (i % 4096 == 0) book->take_changes();
      if (i % 16 == 0) longest = std::max(longest, cpu_ns() - before);
    }
    return {(cpu_ns() - begin) / static_cast<double>(calls), longest};
  }
};

int run(std::size_t n, bool json) {
  Bench b(n);
  nlohmann::json out = {{"clusters", n}};
  const auto print = [&](const char* key, const char* what, std::pair<double, double> cost) {
    fmt::print("{:<52} {:>8.0f} ns, longest seen {:>8.0f} ns\n", what, cost.first, cost.second);
    out[std::string(key) + "_ns"] = cost.first;
  };
  const double before = allocated();
  const std::size_t calls = std::max<std::size_t>(n, 1000);
  print("new", "asked by a new network",
        b.time(n, [&](std::size_t i) { b.book->asked(address(i, 1), b.now); }));
  const double learning = (allocated() - before) / static_cast<double>(n);
  // Every network in turn, three times: each win finds its cluster in no cache.
  print("learn", "a win of a learning network",
        b.time(3 * n, [&](std::size_t i) { b.book->win(b.win(i % n, false), b.now); }));
  b.book->take_changes().clear();
  const double bound = (allocated() - before) / static_cast<double>(n);
  fmt::print("{} clusters: {:.0f} octets each while learning, {:.0f} bound by three wins, {} bound\n",
             b.book->size(), learning, bound, b.book->counters().bound.get());
  b.now += std::chrono::seconds(5);
  print("asked", "asked by a known network",
        b.time(calls, [&](std::size_t) { b.book->asked(address(b.lot.next() % n, b.lot.next()), b.now); }));
  print("win", "a win of a bound network, one in ten contradicts", b.time(calls, [&](std::size_t) {
    b.book->win(b.win(b.lot.next() % n, b.lot.next() % 10 == 0), b.now);
  }));
  // A few networks that are raced all the time: full windows.
  const std::size_t busy = std::min<std::size_t>(n, 1000);
  for (std::size_t i = 0; i < busy * 80; ++i) b.book->win(b.win(i % busy, b.lot.next() % 10 == 0), b.now);
  print("busy", "a win of a network with 64, one in ten contradicts",
        b.time(calls, [&](std::size_t i) { b.book->win(b.win(i % busy, b.lot.next() % 10 == 0), b.now); }));
  Binding found;
  print("find", "find",
        b.time(calls, [&](std::size_t) { b.book->find(address(b.lot.next() % n, b.lot.next()), found); }));
  const auto evicted = b.book->counters().evicted.get();
  const auto splits = b.book->counters().split.get();
  print("spoofed", "asked by a spoofed network, at the ceiling", b.time(calls, [&](std::size_t) {
    IpAddress spoofed = address(0, b.lot.next());
    spoofed.octets.at(0) = 0x40;
    for (std::size_t i = 1; i < 4; ++i) spoofed.octets.at(i) = static_cast<std::uint8_t>(b.lot.next());
    b.book->asked(spoofed, b.now);
  }));
  fmt::print("evicted {}, split {}\n", b.book->counters().evicted.get() - evicted, splits);
  const std::size_t steps = 240;
  const auto step = b.time(steps, [&](std::size_t) {
    b.now += std::chrono::milliseconds(250);
    b.book->advance(b.now);
  });
  print("advance", "advance, four times a second", step);
  out.update({{"octets_learning", learning}, {"octets_bound", bound}});
  if (json) fmt::print("{}\n", out.dump());
  return 0;
}

int bench(int argc, char** argv) {
  std::size_t clusters = 1'000'000;
  bool json = false;
  CLI::App app("What a cluster book costs");
  app.add_option("--clusters", clusters, "Client networks")
      ->check(CLI::Range(1, 16'000'000))
      ->capture_default_str();
  app.add_flag("--json", json, "End with one line of JSON");
  CLI11_PARSE(app, argc, argv);
  return run(clusters, json);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return bench(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_clusters: {}\n", error.what());
    return 1;
  }
}
