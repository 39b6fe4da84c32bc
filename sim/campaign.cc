#include "sim/campaign.hh"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <ctime>
#include <exception>
#include <limits>
#include <mutex>
#include <string_view>
#include <thread>

namespace flagfall::sim {
namespace {

constexpr auto kProgressEvery = std::chrono::milliseconds(500);

double thread_cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

class Runner {
 public:
  Runner(const CampaignOptions& options, const ServedData& data)
      : options_(options), data_(data), next_(options.from), working_(std::max(options.jobs, 1U)) {}

  CampaignResult run(const std::function<void(const CampaignTotals&)>& progress) {
    {
      std::vector<std::jthread> threads;
      for (unsigned i = working_; i > 0; --i) threads.emplace_back([this] { work(); });
      std::unique_lock lock(mutex_);
      while (!all_done_.wait_for(lock, kProgressEvery, [this] { return working_ == 0; }))
        progress(result_.totals);
    }
    result_.seconds = gone();
    return std::move(result_);
  }

 private:
  [[nodiscard]] double gone() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  /// The next world to play; nothing when there is none.
  std::optional<std::uint64_t> take() {
    const std::lock_guard lock(mutex_);
    const bool late =
        options_.budget > Nanos(0) && gone() >= std::chrono::duration<double>(options_.budget).count();
    if (result_.broken || late || next_ - options_.from >= options_.seeds) return std::nullopt;
    return next_++;
  }
  void work() {
    while (const auto seed = take()) {
      const double before = thread_cpu_seconds();
      Outcome outcome = play_one(*seed);
      const double cost = thread_cpu_seconds() - before;
      const std::lock_guard lock(mutex_);
      result_.totals.add(outcome);
      result_.totals.cpu_seconds += cost;
      if (outcome.broken && (!result_.broken || *seed < result_.broken->seed))
        result_.broken = BrokenWorld{*seed, std::move(*outcome.broken), outcome.at};
    }
    const std::lock_guard lock(mutex_);
    if (--working_ == 0) all_done_.notify_one();
  }
  [[nodiscard]] Outcome play_one(std::uint64_t seed) const {
    ScenarioOptions world = options_.world;
    world.seed = seed;
    world.text = false;
    now_playing(seed);
    try {
      return play(world, data_);
    } catch (const std::exception& e) {  // what a core throws is a broken promise as well
      Outcome out;
      out.broken = std::string("exception: ") + e.what();
      return out;
    }
  }

  const CampaignOptions& options_;  // NOLINT(*-ref-data-members)
  const ServedData& data_;          // NOLINT(*-ref-data-members)
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::condition_variable all_done_;
  std::uint64_t next_;
  unsigned working_;
  CampaignResult result_;
};

thread_local std::uint64_t played_here = 0;

/// In a signal handler: nothing but write(2).
void name_the_seed(int signal) {
  std::array<char, 128> text{};
  auto put = [at = text.begin()](std::string_view piece) mutable { at = std::ranges::copy(piece, at).out; };
  std::array<char, 20> digits{};
  const char* const end = std::to_chars(digits.begin(), digits.end(), played_here).ptr;
  const std::string_view seed(digits.data(), static_cast<std::size_t>(end - digits.data()));
  put("seed ");
  put(seed);
  put(": crashed\nreplay it with: scripts/campaign --seed ");
  put(seed);
  put(" --trace\n");
  [[maybe_unused]] const ssize_t written =
      ::write(STDERR_FILENO, text.data(), std::char_traits<char>::length(text.data()));
  (void)std::signal(signal, SIG_DFL);
  (void)std::raise(signal);
}

}  // namespace

void now_playing(std::uint64_t seed) {
  played_here = seed;
}

void name_seeds_of_crashes() {
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE})
    if (std::signal(signal, name_the_seed) != SIG_DFL) (void)std::signal(signal, SIG_DFL);
}

void CampaignTotals::add(const Outcome& o) {
  ++worlds;
  events += o.events;
  asks += o.judge.asks;
  races += o.judge.races;
  orders += o.judge.orders;
  fired += o.judge.fired;
  gave_up += o.judge.gave_up;
  replays += o.judge.replays_seen;
  echoed += o.judge.echoed;
  verdicts += o.judge.verdicts;
  certain += o.judge.certain;
  told += o.judge.told;
  survived += o.judge.survived;
  misled += o.judge.misled;
  attacks += o.attacks;
  network += o.network;
  compared += o.judge.compared;
  beacons += o.judge.beacons;
  followed += o.judge.followed;
  by_beacons += o.judge.by_beacons;
  for (std::size_t i = 0; i < o.faults.size(); ++i) worlds_with.at(i) += o.faults.at(i) > 0 ? 1 : 0;
}

double CampaignTotals::share(std::size_t fault) const {
  return worlds == 0 ? 0 : static_cast<double>(worlds_with.at(fault)) / static_cast<double>(worlds);
}

std::vector<std::size_t> CampaignTotals::rare_faults() const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < worlds_with.size(); ++i)
    if (share(i) < 0.2) out.push_back(i);
  return out;
}

CampaignResult run_campaign(const CampaignOptions& options, const ServedData& data,
                            const std::function<void(const CampaignTotals&)>& progress) {
  return Runner(options, data).run(progress);
}

}  // namespace flagfall::sim
