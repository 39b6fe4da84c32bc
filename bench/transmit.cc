// The slave's transmitter, as the slave runs it, at instants that come like those
// of races: one line of JSON with how far calls and kernel stamps were from where
// they should be. bench/transmit.py runs it beside cyclictest.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <thread>

#include "common/base/random.hh"
#include "slave/scheduling.hh"
#include "slave/transmitter.hh"

using namespace flagfall;              // NOLINT(google-build-using-namespace): a program
using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

namespace {

/// Orders come this long before their instants.
constexpr Nanos kDelay = 25ms;
/// An ordinary answer's length.
constexpr std::uint16_t kAnswer = 90;
/// The instants of those that only wait.
constexpr Nanos kFar = std::chrono::hours(1);

struct Options {
  unsigned shots = 1000;
  unsigned pending = 10;
  int priority = 0;
  unsigned interval_us = 5000;
  std::string source = "192.0.2.1:53";
  std::string client = "198.51.100.2:40000";
};

class Range {
 public:
  explicit Range(const Options& options) : options_(options), pool_(options.pending + kMostInFlight) {}

  void run() {
    std::vector<slave::SourceSocket> sources;
    sources.push_back(slave::open_source(*parse_endpoint(options_.source)));
    // As cyclictest does it with -p and -m.
    const net::Fd awake = slave::keep_cpus_awake();
    slave::lock_memory();
    {
      const slave::InheritedScheduling fifo(
          {.fifo = options_.priority > 0, .priority = options_.priority, .cpu = {}});
      transmitter_ = std::make_unique<slave::Transmitter>(slave::Transmitter::Options{}, std::move(sources),
                                                          pool_, clock_);
    }
    const MonoTime start = clock_.mono();
    for (unsigned i = 0; i < options_.pending; ++i) push(start + kFar + i * 1us);
    shoot();
    report();
    transmitter_->stop(0ns);
  }

 private:
  static constexpr unsigned kMostInFlight = 256;

  void push(MonoTime due) {
    const auto index = pool_.take();
    if (!index) throw std::runtime_error("shots do not come back");
    slave::Shot& shot = pool_[*index];
    shot = {};
    shot.due = due;
    shot.client = *parse_endpoint(options_.client);
    shot.length = kAnswer;
    transmitter_->push(*index);
  }
  void take_back() {
    while (const auto index = transmitter_->pop_done()) pool_.give_back(*index);
  }
  /// Instants an interval apart, each moved by up to half of one.
  void shoot() {
    SeededRandom random(1);
    const Nanos interval = std::chrono::microseconds(options_.interval_us);
    // Not before the queue has swallowed all that only wait.
    const MonoTime first = clock_.mono() + 300ms;
    for (unsigned i = 0; i < options_.shots; ++i) {
      const Nanos moved(
          static_cast<std::int64_t>(random.next() % static_cast<std::uint64_t>(interval.count())));
      const MonoTime due = first + i * interval + moved / 2;
      std::this_thread::sleep_for(due - kDelay - clock_.mono());
      push(due);
      take_back();
    }
    std::this_thread::sleep_for(kDelay + 100ms);
    take_back();
  }
  void report() const {
    const slave::EgressStats& stats = transmitter_->stats();
    const auto us = [](Nanos ns) { return static_cast<double>(ns.count()) * 1e-3; };
    fmt::print(
        "{{\"shots\": {}, \"stamped\": {}, \"call_p50_us\": {:.3f}, \"call_p99_us\": {:.3f}, "
        "\"stamp_p50_us\": {:.3f}, \"stamp_p99_us\": {:.3f}, \"lead_us\": {:.3f}, \"guard_us\": {:.1f}}}\n",
        stats.sent.get(), stats.stamped.get(), us(stats.call.quantile(0.5)), us(stats.call.quantile(0.99)),
        us(stats.stamp.quantile(0.5)), us(stats.stamp.quantile(0.99)), us(transmitter_->lead()),
        us(transmitter_->guard()));
  }

  Options options_;
  SystemClock clock_;
  slave::ShotPool pool_;
  std::unique_ptr<slave::Transmitter> transmitter_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    Options options;
    CLI::App app("How far the transmitter's calls and stamps are from their instants");
    app.add_option("--shots", options.shots, "instants to hit");
    app.add_option("--pending", options.pending, "others that wait meanwhile");
    app.add_option("--priority", options.priority, "SCHED_FIFO; 0: an ordinary thread");
    app.add_option("--interval", options.interval_us, "between instants, us");
    app.add_option("--source", options.source, "send from");
    app.add_option("--client", options.client, "and to");
    CLI11_PARSE(app, argc, argv);
    Range(options).run();
  } catch (const std::exception& e) {
    (void)std::fprintf(stderr, "bench_transmit: %s\n", e.what());
    return 1;
  }
  return 0;
}
