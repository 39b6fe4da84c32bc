#include "master/slave_health.hh"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace flagfall::master {
namespace {

using Fate = wire::RaceOutcome::Fate;

std::string reason(unsigned refused, unsigned failed, unsigned all) {
  if (failed == 0)
    return fmt::format("it refused {} of {} orders; see its [transmit] rate and queue", refused, all);
  if (refused == 0) return fmt::format("it failed to send {} of {} answers; see its log", failed, all);
  return fmt::format("it refused {} and failed to send {} of {} orders; see its log and [transmit]", refused,
                     failed, all);
}

}  // namespace

bool SlaveHealth::add(std::span<const wire::RaceOutcome> outcomes, MonoTime now) {
  const auto count = [&](Fate fate) {
    return static_cast<unsigned>(std::ranges::count(outcomes, fate, &wire::RaceOutcome::fate));
  };
  const unsigned refused = count(Fate::refused);
  const unsigned failed = count(Fate::failed);
  const unsigned useful = count(Fate::sent) + count(Fate::sent_late) + count(Fate::withheld);
  bool news = false;
  if (refused + failed > 0) {
    news = !doubted_;
    doubted_ = true;
    doubt_end_ = now + kDoubt;
  }
  // What comes now of orders that were sent before the bench is no news.
  if (benched_ || refused + failed + useful == 0) return news;
  if (now - counted_ > kFresh) useful_ = refused_ = failed_ = 0;
  counted_ = now;
  useful_ += useful;
  refused_ += refused;
  failed_ += failed;
  if (const unsigned lost = refused_ + failed_; lost + useful_ >= kLeastOrders && lost >= useful_) {
    bench(now);
    return true;
  }
  while (useful_ + refused_ + failed_ > kMostOrders) {
    useful_ /= 2;
    refused_ /= 2;
    failed_ /= 2;
  }
  return news;
}

void SlaveHealth::bench(MonoTime now) {
  if (last_bench_ > Nanos(0) && now - bench_end_ >= kHealthy) last_bench_ = Nanos(0);
  last_bench_ = last_bench_ == Nanos(0) ? kFirstBench : std::min(last_bench_ * 2, kLongestBench);
  benched_ = true;
  bench_end_ = now + last_bench_;
  why_ = fmt::format("is benched for {} s: {}",
                     std::chrono::duration_cast<std::chrono::seconds>(last_bench_).count(),
                     reason(refused_, failed_, useful_ + refused_ + failed_));
  useful_ = refused_ = failed_ = 0;
}

void SlaveHealth::restarted() {
  const SlaveHealth old = std::exchange(*this, {});
  doubted_ = old.doubted_;
  doubt_end_ = old.doubt_end_;
}

bool SlaveHealth::tick(MonoTime now) {
  bool news = false;
  if (benched_ && now >= bench_end_) {
    benched_ = false;
    why_.clear();
    news = true;
  }
  if (doubted_ && now >= doubt_end_) {
    doubted_ = false;
    news = true;
  }
  return news;
}

MonoTime SlaveHealth::next_deadline() const {
  MonoTime next = MonoTime::max();
  if (benched_) next = std::min(next, bench_end_);
  if (doubted_) next = std::min(next, doubt_end_);
  return next;
}

}  // namespace flagfall::master
