#include "clocksync/chrony_tracker.hh"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace flagfall::clocksync {
namespace {

using std::chrono::milliseconds;

/// The first two samples come this far apart, so that a start takes a moment and not two polls.
constexpr Nanos kQuickPoll = milliseconds(100);
/// chronyd is on this host: 0.35 to 2.2 ms were seen under load.
constexpr Nanos kPatience = milliseconds(500);
/// Two bracketed readings of one pair of clocks differ by less; a step of less is within any bound.
constexpr Nanos kPairNoise = std::chrono::microseconds(2);

/// A chrony float has 24 significant bits, so a large correction is coarse.
Nanos resolution(Nanos correction) {
  return Nanos(std::abs(correction.count()) >> 24);
}

}  // namespace

ChronyTracker::ChronyTracker(Options options) : options_(std::move(options)) {
  map_.why = fmt::format("{} has not answered yet", options_.name);
}

std::array<std::uint8_t, wire::kChronyRequest> ChronyTracker::request(const ClockPair& now,
                                                                      std::uint32_t sequence) {
  ++counters_.requests;
  open_ = Open{sequence, now};
  if (!seen_) seen_ = {now.real_minus_mono, std::nullopt, false};
  return wire::encode_tracking_request(sequence, attempt_++);
}

bool ChronyTracker::reply(Bytes datagram, const ClockPair& now) {
  const wire::ChronyReply parsed = wire::parse_tracking_reply(datagram);
  if (parsed.verdict == wire::ChronyVerdict::malformed) {
    ++counters_.malformed;
    return false;
  }
  if (!open_ || parsed.sequence != open_->sequence) {
    ++counters_.foreign;
    return false;
  }
  if (parsed.verdict == wire::ChronyVerdict::refused) {
    ++counters_.refused;
    return missed(fmt::format("{} refuses to say its tracking (status {}); see cmdallow in chrony.conf(5)",
                              options_.name, parsed.status));
  }
  const ClockPair sent = std::exchange(open_, std::nullopt)->sent;
  attempt_ = 0;
  const RealMinusMono& before = sent.real_minus_mono;
  const RealMinusMono& after = now.real_minus_mono;
  if (std::chrono::abs(after.offset - before.offset) > (before.width + after.width) / 2 + kPairNoise) {
    ++counters_.stepped;
    return missed("the system clock was set just now");
  }
  ++counters_.replies;
  missed_ = 0;
  const wire::ChronyTracking& t = parsed.tracking;
  const RealMinusMono pair = before.width < after.width ? before : after;
  if (t.leap == wire::ChronyLeap::unsynchronised || t.stratum == 0) {
    // It may trust a source again before it has measured this clock again.
    if (seen_ && seen_->reference_time && jump(*seen_, pair) > Nanos(0)) stale_ = seen_->reference_time;
    seen_ = {pair, seen_ ? seen_->reference_time : std::nullopt, false};
    last_.reset();
    set_unknown(fmt::format("{} is not synchronised; see `chronyc tracking`", options_.name));
    return true;
  }
  RefMap next;
  next.offset = pair.offset + t.correction;
  next.bound = t.root_dispersion + t.root_delay / 2 + pair.width / 2 + resolution(t.correction);
  next.expected = t.rms_offset + pair.width / 2 +
                  Nanos(std::llround(options_.asymmetry * static_cast<double>(t.root_delay.count()) / 2));
  next.leap_pending = t.leap == wire::ChronyLeap::insert || t.leap == wire::ChronyLeap::remove;
  next.clock_drift_ppm = -t.frequency_ppm;
  next.measured = sent.mono;  // the correction is at least this fresh: age counts from here
  next.status = wire::ClockStatus::synchronised;
  const bool before_leap =
      from_before_leap(next.leap_pending, RefTime(t.reference_time), next.to_ref(sent.mono));
  if (before_leap || set_behind_its_back(pair, next.offset, t)) stale_ = t.reference_time;
  seen_ = {pair, t.reference_time, true};
  if (stale_ == t.reference_time) {
    ++counters_.stale;
    last_.reset();
    set_unknown(fmt::format(
        "{}, and {} has not measured it since",
        before_leap ? "a leap second may have moved the clock" : "the system clock was set", options_.name));
    return true;
  }
  stale_.reset();
  take(std::move(next));
  return true;
}

Nanos ChronyTracker::jump(const Seen& seen, const RealMinusMono& pair) {
  const Nanos out = std::chrono::abs(pair.offset - seen.pair.offset);
  return out > (pair.width + seen.pair.width) / 2 + kPairNoise ? out : Nanos(0);
}

bool ChronyTracker::set_behind_its_back(const RealMinusMono& pair, Nanos offset,
                                        const wire::ChronyTracking& tracking) const {
  const Nanos by = seen_ ? jump(*seen_, pair) : Nanos(0);
  if (by == Nanos(0)) return false;
  // chronyd's own step leaves the offset as it was, but for a poll's drift. Its first one is also the first
  // offset that it found, nearly all of it. While it was silent, it may have measured before the jump or
  // after it: nobody can tell.
  if (last_) return std::chrono::abs(offset - last_->offset) > by / 8;
  return seen_->synchronised || std::chrono::abs(tracking.rms_offset - by) > by / 8 ||
         std::chrono::abs(tracking.correction) > by / 8;
}

bool ChronyTracker::from_before_leap(bool pending, RefTime measured, RefTime now) {
  const auto day = [](RefTime t) { return std::chrono::floor<std::chrono::days>(t.time_since_epoch()); };
  const std::chrono::days today = day(now);
  const bool no_leap = heard_ && (heard_->day == today ||
                                  (heard_->day + std::chrono::days(1) == today && !heard_->leap_pending));
  if (day(measured) < today && !no_leap) return true;
  // One that is left out is over a second before this clock's midnight.
  heard_ = {today, pending || (heard_ && heard_->day == today && heard_->leap_pending)};
  return false;
}

void ChronyTracker::take(RefMap next) {
  const bool agrees =
      last_ && std::chrono::abs(next.offset - last_->offset) <= last_->bound_at(next.measured) + next.bound;
  if (last_ && !agrees) ++counters_.contradicted;
  if (agrees) {
    next.remember_leap(map_);
    // chronyd may be slewing the clock, and CLOCK_MONOTONIC with it: what moved since the last look goes on.
    const double moved = std::abs(static_cast<double>((next.offset - last_->offset).count())) * 1e6 /
                         std::max(static_cast<double>((next.measured - last_->measured).count()), 1.0);
    map_ = next;
    map_.drift_ppm = std::max(map_.drift_ppm, moved);
    map_.expected_drift_ppm = std::max(map_.expected_drift_ppm, moved);
  } else {
    set_unknown(last_ ? fmt::format("{} moves the clock: waiting for it to settle", options_.name)
                      : fmt::format("{} has answered once, waiting for its second answer", options_.name));
  }
  last_ = std::move(next);
}

bool ChronyTracker::missed(const std::string& why) {
  open_.reset();
  ++counters_.timeouts;
  ++missed_;
  if (missed_ >= options_.unknown_after) {
    last_.reset();
    return set_unknown(why);
  }
  if (missed_ >= options_.free_running_after && map_.status == wire::ClockStatus::synchronised) {
    map_.status = wire::ClockStatus::free_running;
    return true;
  }
  return false;
}

bool ChronyTracker::set_unknown(std::string why) {
  const bool changed = map_.status != wire::ClockStatus::unknown || map_.why != why;
  map_.status = wire::ClockStatus::unknown;
  map_.why = std::move(why);
  return changed;
}

Nanos ChronyTracker::interval() const {
  if (missed_ >= options_.unknown_after) {
    const unsigned doublings = std::min(missed_ - options_.unknown_after + 1, 2U);
    return options_.poll * (1 << doublings);
  }
  if (missed_ == 0 && !stale_ && map_.status == wire::ClockStatus::unknown)
    return std::min(options_.poll, kQuickPoll);
  return options_.poll;
}

Nanos ChronyTracker::patience() const {
  return std::min(options_.poll, kPatience);
}

}  // namespace flagfall::clocksync
