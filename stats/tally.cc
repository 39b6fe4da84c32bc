#include "stats/tally.hh"

#include <algorithm>

#include "common/base/histogram.hh"

namespace flagfall::stats {
namespace {

using race::Fate;

constexpr std::int64_t kClockSlack = 60;  // seconds between a race's instant and now
/// Shared cells, margins and counters that wait at once. Reached only while nothing is taken for minutes.
constexpr std::size_t kMostShared = 4096;
constexpr std::size_t kMostMargins = 16'384;
constexpr std::size_t kMostCounters = 16'384;
/// Who has not run for a service for so long is not what a win is compared with.
constexpr std::int64_t kFieldMemory = 600;

template <class Column>
Column column(Column first, std::size_t offset) {
  return static_cast<Column>(static_cast<std::size_t>(first) + offset);
}

void add_verdict(const race::Verdict& verdict, RaceCounts& to) {
  const std::size_t way = static_cast<std::size_t>(verdict.way) * race::kCertaintyNames.size() +
                          static_cast<std::size_t>(verdict.certainty);
  ++to[column(RaceColumn::icmp_likely, way)];
  if (verdict.within_error) ++to[RaceColumn::within_error];
}

void add_win(const race::Verdict& verdict, RunnerCounts& to) {
  ++to[RunnerColumn::won];
  if (verdict.within_error) ++to[RunnerColumn::within_error];
  if (!verdict.margin) return;
  ++to[RunnerColumn::margins];
  to[RunnerColumn::margin_ns] += std::max(Nanos(0), *verdict.margin).count();
}

void add_saved(const Saved& saved, bool judged, RunnerCounts& to) {
  ++to[RunnerColumn::saved];
  if (judged) ++to[RunnerColumn::saved_judged];
  to[RunnerColumn::saved_second_ns] += saved.second_best.count();
  to[RunnerColumn::saved_random_ns] += saved.random.count();
}

}  // namespace

Tally::Tally(const TallyOptions& options, Random& random)
    : options_(options),
      arrivals_(options.arrivals, random),
      index_(16, Hash{SeededHash(random)}),
      margins_(16, Hash{SeededHash(random)}) {}

std::size_t Tally::Hash::operator()(const Key& key) const {
  std::uint64_t h = seeded.mix(seeded.start(), static_cast<std::uint64_t>(key.time));
  h = seeded.mix(h, (std::uint64_t{key.service} << 16) | (key.prefix ? key.prefix->length + 1U : 0U));
  return seeded.finish(key.prefix ? seeded.mix(h, key.prefix->ip.bytes()) : h);
}

std::size_t Tally::Hash::operator()(const MarginKey& key) const {
  const std::uint64_t h = seeded.mix(seeded.start(), static_cast<std::uint64_t>(key.time));
  return seeded.finish(
      seeded.mix(h, (std::uint64_t{key.service} << 32) | (std::uint64_t{key.slave} << 16) | key.bucket));
}

Group* Tally::find_or_make(const Key& key, bool room) {
  if (const auto found = index_.find(key); found != index_.end()) return &batch_.groups[found->second];
  if (!room) return nullptr;
  index_.emplace(key, batch_.groups.size());
  Group& made = batch_.groups.emplace_back();
  made.time = key.time;
  made.service = key.service;
  made.prefix = key.prefix;
  return &made;
}

Group* Tally::group(const race::FinishedRace& race, const Prefix& prefix, std::int64_t time) {
  const std::size_t before = batch_.groups.size();
  if (Group* own = find_or_make({time, race.service, prefix}, own_ < options_.prefixes); own != nullptr) {
    own_ += batch_.groups.size() - before;
    return own;
  }
  ++others_;
  return find_or_make({time, race.service, std::nullopt}, batch_.groups.size() - own_ < kMostShared);
}

RunnerCounts& Tally::runner(Group& group, std::uint16_t slave) {
  const auto found = std::ranges::find(group.runners, slave, &Group::Runner::slave);
  return found != group.runners.end() ? found->counts
                                      : group.runners.emplace_back(Group::Runner{slave, {}}).counts;
}

/// The slaves that ran for the service lately, sorted; this race's are among them.
std::vector<std::uint16_t>& Tally::field(const race::FinishedRace& race, std::int64_t now) {
  std::vector<Lately>& lately = lately_[race.service];
  for (const race::RunnerResult& r : race.ran()) {
    const auto at = std::ranges::lower_bound(lately, r.slave, {}, &Lately::slave);
    if (at != lately.end() && at->slave == r.slave) {
      at->ran = now;
    } else {
      lately.insert(at, {r.slave, now});
    }
  }
  field_.clear();
  for (const Lately& each : lately)
    if (now - each.ran <= kFieldMemory) field_.push_back(each.slave);
  return field_;
}

void Tally::note_margin(const race::FinishedRace& race, std::int64_t time) {
  if (!race.verdict || !race.verdict->margin) return;
  const auto ns = static_cast<std::uint64_t>(std::max(Nanos(0), *race.verdict->margin).count());
  const MarginKey key{time, race.service, race.verdict->winner,
                      static_cast<std::uint16_t>(Histogram::bucket_of(ns))};
  if (const auto found = margins_.find(key); found != margins_.end()) {
    ++found->second;
  } else if (margins_.size() < kMostMargins) {
    margins_.emplace(key, 1);
  } else {
    ++lost_;
  }
}

void Tally::add(const race::FinishedRace& race, std::int64_t now) {
  const std::int64_t instant = to_ns(race.instant) / 1'000'000'000;
  const std::int64_t time = instant < now - kClockSlack || instant > now + kClockSlack ? now : instant;
  const unsigned length = race.client.ip.family == Family::v4 ? options_.prefix_v4 : options_.prefix_v6;
  const Prefix prefix{masked(race.client.ip, length), static_cast<std::uint8_t>(length)};
  const bool measured = arrivals_.learn(race, prefix, now);
  const auto saved = arrivals_.saved(race, prefix, field(race, now), now);
  ++races_;
  Group* const to = group(race, prefix, time);
  if (to == nullptr) {
    ++lost_;
    return;
  }
  ++batch_.races;
  ++to->counts[race.shadow ? RaceColumn::shadow : RaceColumn::races];
  if (measured) ++to->counts[RaceColumn::measured];
  if (race.verdict) add_verdict(*race.verdict, to->counts);
  for (const race::RunnerResult& r : race.ran()) {
    RunnerCounts& counts = runner(*to, r.slave);
    ++counts[RunnerColumn::ran];
    if (race.verdict) ++counts[RunnerColumn::judged];
    ++counts[column(RunnerColumn::unreported, static_cast<std::size_t>(r.fate))];
  }
  if (race.verdict) add_win(*race.verdict, runner(*to, race.verdict->winner));
  if (saved) add_saved(*saved, race.verdict.has_value(), runner(*to, saved->winner));
  note_margin(race, time);
}

void Tally::count(std::string_view name, std::int64_t by, std::int64_t now) {
  if (by <= 0) return;
  if (batch_.counters.size() >= kMostCounters) {
    // Nothing was taken for long: when it happened is lost, not how often.
    const auto same = std::ranges::find(batch_.counters, name, &CounterCell::name);
    if (same != batch_.counters.end()) same->count += by;
    return;
  }
  batch_.counters.push_back({now, std::string(name), by});
}

Batch Tally::take() {
  Batch out = std::move(batch_);
  out.margins.reserve(margins_.size());
  for (const auto& [key, n] : margins_)
    out.margins.push_back({key.time, key.service, key.slave, key.bucket, n});
  out.arrivals = arrivals_.take_changed();
  batch_ = Batch{};
  index_.clear();
  margins_.clear();
  own_ = 0;
  return out;
}

}  // namespace flagfall::stats
