// What finding an address among a million prefixes costs: random reads of memory that a look-up is worth, and
// octets a prefix. A table of mixed lengths is asked for random addresses; in the same run, an array of the
// table's size is read at random places. Twice, each with its like: one after the other, where the look-up or
// read before decides which is next, so that each costs what it takes (`ratio`); and many at once, in bursts
// as a request loop has them, against reads that overlap freely (`ratio_burst`). --json adds one line of
// JSON.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "common/base/random.hh"
#include "common/base/time.hh"
#include "director/prefix_table.hh"

namespace {

using flagfall::Family;
using flagfall::IpAddress;
using flagfall::Prefix;
using flagfall::SeededRandom;
using flagfall::director::PrefixTable;
using flagfall::director::PrefixTableEditor;

constexpr std::size_t kBindings = 1'000'000;
constexpr std::size_t kLookups = 4'000'000;
constexpr unsigned kRounds = 5;     // the best one counts
constexpr std::size_t kBurst = 32;  // queries that a busy request loop takes at once
constexpr unsigned kChanges = 1000;
constexpr unsigned kMostValue = 200;

/// This thread's processor time: what else the machine does is not ours.
double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(flagfall::from_timespec(t).count());
}

/// Octets that the allocator has given out, its own headers included.
std::size_t heap() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Of unicast space: 1 to 223 in the first octet, or 2000::/3.
IpAddress random_address(SeededRandom& random, Family family) {
  IpAddress out{{}, family};
  const std::uint64_t high = random.next();
  for (std::size_t i = 0; i < 8 && i < out.size(); ++i)
    out.octets.at(i) = static_cast<std::uint8_t>(high >> (8 * i));
  if (family == Family::v4)
    out.octets[0] = static_cast<std::uint8_t>(1 + out.octets[0] % 223);
  else
    out.octets[0] = static_cast<std::uint8_t>(0x20 | (out.octets[0] & 0x1f));
  return out;
}

/// Mostly IPv4 of /16 to /24, some of /25 to /32, one in eight IPv6 of /32 to /64.
Prefix random_prefix(SeededRandom& random) {
  const std::uint64_t kind = random.next() % 16;
  const Family family = kind < 2 ? Family::v6 : Family::v4;
  const auto between = [&](unsigned from, unsigned to) {
    return static_cast<std::uint8_t>(from + random.next() % (to - from + 1));
  };
  const std::uint8_t length = kind < 2 ? between(32, 64) : kind < 4 ? between(25, 32) : between(16, 24);
  return {masked(random_address(random, family), length), length};
}

std::uint32_t random_value(SeededRandom& random) {
  return static_cast<std::uint32_t>(1 + random.next() % kMostValue);
}

std::uint64_t g_sink = 0;  // what was read, so that it is

/// ns for each of kLookups calls of f(i), the best of kRounds.
template <class F>
double best_of(F f) {
  double best = 1e18;
  for (unsigned round = 0; round < kRounds; ++round) {
    const double start = cpu_ns();
    for (std::size_t i = 0; i < kLookups; ++i) g_sink += f(i);
    best = std::min(best, (cpu_ns() - start) / static_cast<double>(kLookups));
  }
  return best;
}

struct Cost {
  double free = 0, chained = 0;  // ns each
};

Cost random_reads(std::size_t octets, SeededRandom& random) {
  std::vector<std::uint64_t> memory(octets / sizeof(std::uint64_t));
  for (auto& word : memory) word = random.next();
  std::vector<std::uint32_t> places(kLookups);
  for (auto& p : places) p = static_cast<std::uint32_t>(random.next() % memory.size());
  std::uint64_t last = 0;
  return {best_of([&](std::size_t i) { return memory[places[i]]; }),
          best_of([&](std::size_t i) { return last = memory[places[i ^ (last & 1)]]; })};
}

Cost lookups(const PrefixTable& table, SeededRandom& random) {
  std::vector<IpAddress> addresses(kLookups);
  for (auto& a : addresses) a = random_address(random, random.next() % 8 == 0 ? Family::v6 : Family::v4);
  const auto find = [&](const IpAddress& address) -> std::uint64_t {
    const auto found = table.find(address);
    return found.value + found.scope;
  };
  const auto in_bursts = [&](std::size_t i) {
    if (i % kBurst == 0)
      for (std::size_t n = 0; n < kBurst; ++n) table.prepare(addresses[i + n]);
    return find(addresses[i]);
  };
  std::uint64_t last = 0;
  return {best_of(in_bursts), best_of([&](std::size_t i) { return last = find(addresses[i ^ (last & 1)]); })};
}

/// Milliseconds for a publish with kChanges changes, the middle of some.
double publishing(PrefixTableEditor& editor, SeededRandom& random,
                  std::shared_ptr<const PrefixTable>& table) {
  std::vector<double> each;
  for (unsigned round = 0; round < 9; ++round) {
    for (unsigned i = 0; i < kChanges; ++i) editor.set(random_prefix(random), random_value(random));
    const double start = cpu_ns();
    table = editor.publish();
    each.push_back((cpu_ns() - start) / 1e6);
  }
  std::ranges::nth_element(each, each.begin() + 4);
  return each[4];
}

}  // namespace

int main(int argc, char** argv) {
  const bool json = argc > 1 && std::string_view(argv[1]) == "--json";
  try {
    SeededRandom random(1);
    const std::size_t before = heap();
    PrefixTableEditor editor;
    double start = cpu_ns();
    while (editor.size() < kBindings) editor.set(random_prefix(random), random_value(random));
    auto table = editor.publish();
    const double load = (cpu_ns() - start) / 1e9;
    const double publish = publishing(editor, random, table);
    const auto entries = static_cast<double>(table->size());
    table = editor.publish();  // and what only older tables had is gone
    const std::size_t used = heap() - before;
    const double each = static_cast<double>(used) / entries;
    const Cost lookup = lookups(*table, random);
    const Cost read = random_reads(used, random);
    fmt::print(
        "{:.0f} prefixes loaded in {:.2f} s; {:.1f} MB, {:.1f} octets a prefix ({:.1f} by its own count)\n",
        entries, load, static_cast<double>(used) / 1e6, each, static_cast<double>(editor.memory()) / entries);
    fmt::print("a publish with {} changes: {:.2f} ms\n", kChanges, publish);
    const double ratio = lookup.chained / read.chained;
    const double burst = lookup.free / read.free;
    fmt::print("a look-up: {:.1f} ns; a random read of as much memory: {:.1f} ns; ratio {:.2f}\n",
               lookup.chained, read.chained, ratio);
    fmt::print("in bursts of {}: {:.1f} ns; reads that overlap: {:.1f} ns; ratio {:.2f}\n", kBurst,
               lookup.free, read.free, burst);
    if (g_sink == 0) throw std::runtime_error("nothing was found");
    if (json)
      fmt::print(
          "{{\"ratio\": {:.3f}, \"ratio_burst\": {:.3f}, \"bytes_per_binding\": {:.2f}, "
          "\"lookup_ns\": {:.1f}, \"read_ns\": {:.1f}, \"burst_lookup_ns\": {:.1f}, "
          "\"burst_read_ns\": {:.1f}, \"publish_ms\": {:.3f}, \"load_s\": {:.3f}, "
          "\"bindings\": {:.0f}}}\n",
          ratio, burst, each, lookup.chained, read.chained, lookup.free, read.free, publish, load, entries);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_lookup: {}\n", error.what());
    return 1;
  }
}
