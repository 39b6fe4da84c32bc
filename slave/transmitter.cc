#include "slave/transmitter.hh"

#include <pthread.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): pthread_sigmask is POSIX, not <csignal>'s

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace flagfall::slave {
namespace {

constexpr std::int64_t kAwake = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

/// Wake-ups measured at start, this far apart.
constexpr std::size_t kCalibrations = 40;
constexpr Nanos kCalibrationStep = std::chrono::milliseconds(2);
/// While spinning, new shots are looked at until this close to the call: making
/// the arguments of the batch anew takes so long, and for each of its shots so much more.
constexpr Nanos kLastLook = std::chrono::microseconds(20);
constexpr Nanos kLastLookEach = Nanos(200);
/// Shots taken over in one go, about 0.1 µs each: a flood of them must not hold up one that is due.
constexpr unsigned kMostDrained = 64;
/// So long before the thread must be awake it looks for new shots: a burst of
/// them is then in the queue, and the sleep that counts is a short one.
constexpr Nanos kTakeOver = std::chrono::milliseconds(1);
/// Reading stamps takes a few microseconds a socket: only with so much time left.
constexpr Nanos kCollectTime = std::chrono::microseconds(100);
/// How soon to look for stamps that did not come with the call.
constexpr Nanos kCollectAgain = std::chrono::milliseconds(2);
/// With nothing to send, wake-ups are still measured, this far apart: an idle host may sleep deeper.
constexpr Nanos kIdleCalibration = std::chrono::milliseconds(250);

/// Signals are the loop thread's.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

Transmitter::Transmitter(const Options& options, std::vector<SourceSocket> sources, ShotPool& pool,
                         const Clock& clock)
    : pool_(pool),
      clock_(clock),
      in_(pool.capacity()),
      done_(pool.capacity()),
      egress_(std::move(sources), pool, clock, done_),
      queue_(pool.capacity()),
      waker_(clock),
      fixed_guard_(options.guard),
      guard_ns_(kMostGuard.count()),
      asleep_until_(kAwake),
      stop_at_(kForever),
      thread_([this] { run(); }) {
  ready_.wait(false);
}

Transmitter::~Transmitter() {
  stop(Nanos(0));
}

void Transmitter::push(std::uint32_t shot) {
  const MonoTime due = pool_[shot].due;
  const bool pushed = in_.push(shot);
  assert(pushed);
  (void)pushed;
  // Asleep past the time at which this shot needs it awake? (See SpscRing::push.)
  if (to_ns(due - ahead()) < asleep_until_.load(std::memory_order_seq_cst)) {
    // Not again for the shots that follow. The thread may have woken and gone to
    // sleep anew in between: the call ends that sleep too, and it looks again.
    asleep_until_.store(kAwake, std::memory_order_seq_cst);
    waker_.wake();
  }
}

std::optional<std::uint32_t> Transmitter::pop_done() {
  std::uint32_t shot = 0;
  if (!done_.pop(shot)) return std::nullopt;
  return shot;
}

void Transmitter::stop(Nanos linger) {
  if (!thread_.joinable()) return;
  stop_at_.store(to_ns(clock_.mono() + linger));
  waker_.wake();
  thread_.join();
}

void Transmitter::run() {
  block_signals();
  pthread_setname_np(pthread_self(), "transmit");
  if (!fixed_guard_) calibrate();
  set_guard();
  ready_.store(true);
  ready_.notify_all();
  for (;;) {
    drain();
    const MonoTime now = clock_.mono();
    const bool time_enough = queue_.empty() || queue_.next() - egress_.most_lead() - now > kCollectTime;
    if (time_enough) {
      if (egress_.awaiting()) egress_.collect();
      set_guard();
    }
    const std::int64_t stop_at = stop_at_.load();
    if (stop_at != kForever && in_.empty() && (queue_.empty() || to_ns(queue_.next()) > stop_at)) return;
    std::optional<MonoTime> wake;
    if (!queue_.empty()) wake = queue_.next() - ahead();
    if (wake && *wake <= clock_.mono()) {
      fire();
      continue;
    }
    if (wake && *wake - now > 2 * kTakeOver) *wake -= kTakeOver;
    if (egress_.awaiting()) {
      wake = std::min(wake.value_or(MonoTime::max()), now + kCollectAgain);
    } else if (!fixed_guard_) {
      wake = std::min(wake.value_or(MonoTime::max()), now + kIdleCalibration);
    }
    sleep(wake);
  }
}

void Transmitter::drain() {
  std::uint32_t shot = 0;
  for (unsigned n = 0; n < kMostDrained && in_.pop(shot); ++n) queue_.add(pool_[shot].due, shot);
}

/// Spins to the nearest instant minus the lead and sends what is due at the
/// instant: its shots, and all that are overdue. Returns early, without sending,
/// when a shot has come that belongs among them.
void Transmitter::fire() {
  const MonoTime due = std::max(queue_.next(), clock_.mono());
  const auto shots = std::span(batch_).first(queue_.take(due, batch_));
  egress_.prepare(shots);
  const MonoTime aim = due - egress_.lead();
  const MonoTime last_look = aim - kLastLook - kLastLookEach * static_cast<std::int64_t>(shots.size());
  bool timed = false;
  for (MonoTime now = clock_.mono(); now < aim; now = clock_.mono()) {
    timed = true;
    if (now < last_look && overtaken(shots, due)) return;
  }
  egress_.send(timed);
}

/// Takes one new shot over. When it belongs before or beside the prepared `shots`
/// of the instant `due`, these go back to the queue, too.
bool Transmitter::overtaken(std::span<const std::uint32_t> shots, MonoTime due) {
  std::uint32_t shot = 0;
  if (!in_.pop(shot)) return false;
  const MonoTime its = pool_[shot].due;
  const bool nearer = its < pool_[shots.back()].due || (its <= due && shots.size() < batch_.size());
  if (nearer)
    for (const std::uint32_t s : shots) queue_.add(pool_[s].due, s);
  queue_.add(its, shot);
  return nearer;
}

void Transmitter::sleep(std::optional<MonoTime> until) {
  asleep_until_.store(until ? to_ns(*until) : kForever, std::memory_order_seq_cst);
  // A shot that was pushed before the store above is seen here; one that is
  // pushed after it sees the store.
  const bool stay = !in_.empty();
  if (!stay) {
    waker_.sleep(until);
    if (until) {
      const MonoTime now = clock_.mono();
      if (now >= *until) note_wake_up(now - *until);
    }
  }
  asleep_until_.store(kAwake, std::memory_order_seq_cst);
}

void Transmitter::calibrate() {
  for (std::size_t i = 0; i < kCalibrations; ++i) {
    const MonoTime until = clock_.mono() + kCalibrationStep;
    while (clock_.mono() < until) waker_.sleep(until);
    note_wake_up(clock_.mono() - until);
  }
}

void Transmitter::note_wake_up(Nanos lateness) {
  wake_ups_.add(lateness);
  measured_guard_.add(lateness);
}

void Transmitter::set_guard() {
  guard_ns_.store(fixed_guard_.value_or(measured_guard_.value()).count(), std::memory_order_relaxed);
}

}  // namespace flagfall::slave
