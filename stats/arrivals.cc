#include "stats/arrivals.hh"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace flagfall::stats {
namespace {

using race::Fate;

/// A slave's place is the mean of what was measured, later one that forgets: of the last 16 or so.
constexpr double kLeastGain = 1.0 / 16;
/// The spread follows faster, or a path that has really changed would be taken for outliers for long.
constexpr double kSpreadGain = 1.0 / 8;
/// One sample moves a place by no more than so many spreads: a queue that was full for a moment is no path.
constexpr double kMostSpreads = 3;
/// From so many samples on, the spread is known well enough to clip by.
constexpr std::int64_t kClipAfter = 4;
/// No path is steadier than this; a spread of zero would keep every change out.
constexpr double kLeastSpread = 20e3;  // ns

bool sent(Fate fate) {
  return fate == Fate::sent || fate == Fate::sent_late;
}

double in_ns(Nanos n) {
  return static_cast<double>(n.count());
}

}  // namespace

Arrivals::Arrivals(const ArrivalOptions& options, Random& random)
    : options_(options), places_(16, Hash{SeededHash(random)}) {}

std::size_t Arrivals::Hash::operator()(const Key& key) const {
  std::uint64_t h = seeded.mix(seeded.start(), (std::uint64_t{key.service} << 8) | key.prefix.length);
  return seeded.finish(seeded.mix(h, key.prefix.ip.bytes()));
}

Arrivals::Entry& Arrivals::entry(const Key& key) {
  if (const auto found = places_.find(key); found != places_.end()) {
    order_.splice(order_.begin(), order_, found->second);
    return order_.front();
  }
  if (places_.size() >= options_.most) {
    places_.erase(order_.back().key);
    order_.pop_back();
  }
  order_.push_front({key, {}, false});
  places_.emplace(key, order_.begin());
  return order_.front();
}

Arrivals::Place& Arrivals::place(Entry& entry, std::uint16_t slave) {
  const auto found = std::ranges::find(entry.places, slave, &Place::slave);
  if (found != entry.places.end()) return *found;
  Place fresh;
  fresh.slave = slave;
  return entry.places.emplace_back(fresh);
}

/// When each answer left is known, and is not the path's doing: it is taken off.
std::vector<Arrivals::Sample> Arrivals::samples_of(const race::FinishedRace& race, Entry& entry) {
  std::vector<Sample> out;
  for (const race::RunnerResult& r : race.ran()) {
    if (!r.arrival) continue;
    const double left = sent(r.fate) ? in_ns(r.transmit_error) : 0;
    const Place& p = place(entry, r.slave);
    out.push_back(
        {static_cast<std::size_t>(&p - entry.places.data()), in_ns(*r.arrival) - left, in_ns(r.expected)});
  }
  return out;
}

bool Arrivals::learn(const race::FinishedRace& race, const Prefix& prefix, std::int64_t now) {
  const auto measured = [](const race::RunnerResult& r) { return r.arrival.has_value(); };
  if (race.shadow || std::ranges::count_if(race.ran(), measured) < 2) return false;
  Entry& e = entry({race.service, prefix});
  // Paths of yesterday are no start for today's.
  std::erase_if(e.places, [&](const Place& p) { return now - p.updated > options_.forget_after; });
  // A slave that is there twice would be compared with itself; the ledger lets none through.
  const std::vector<Sample> samples = samples_of(race, e);
  join(e, samples);
  refine(e, samples, now);
  e.changed = true;
  return true;
}

/// Puts all slaves of the race into one part: offsets are comparable within a part only.
void Arrivals::join(Entry& entry, std::span<const Sample> samples) {
  const auto at = [&](const Sample& s) -> Place& { return entry.places[s.place]; };
  const auto most = std::ranges::max_element(samples, {}, [&](const Sample& s) { return at(s).samples; });
  std::uint16_t base = at(*most).part;
  if (at(*most).samples == 0) {
    // All are new: a part of their own. There are fewer parts than slaves, and few slaves.
    base = 0;
    while (std::ranges::any_of(entry.places, [&](const Place& p) { return p.samples > 0 && p.part == base; }))
      ++base;
    at(*most).offset = most->arrival;
    at(*most).part = base;
  }
  const auto in_base = [&](const Sample& s) {
    return &s == &*most || (at(s).samples > 0 && at(s).part == base);
  };
  double common = 0;  // what this race's arrivals have more than the offsets
  double count = 0;
  for (const Sample& s : samples) {
    if (!in_base(s)) continue;
    common += s.arrival - at(s).offset;
    ++count;
  }
  common /= count;
  for (const Sample& s : samples) {
    if (in_base(s)) continue;
    const double shift = s.arrival - common - at(s).offset;
    if (at(s).samples == 0) {
      at(s).offset += shift;
      at(s).part = base;
      continue;
    }
    const std::uint16_t other = at(s).part;  // two parts that this race compares for the first time
    for (Place& p : entry.places) {
      if (p.samples == 0 || p.part != other) continue;
      p.offset += shift;
      p.part = base;
    }
  }
}

void Arrivals::refine(Entry& entry, std::span<const Sample> samples, std::int64_t now) {
  double common = 0;
  for (const Sample& s : samples) common += s.arrival - entry.places[s.place].offset;
  common /= static_cast<double>(samples.size());
  for (const Sample& s : samples) {
    Place& p = entry.places[s.place];
    ++p.samples;
    const double gain = std::max(kLeastGain, 1.0 / static_cast<double>(p.samples));
    const double residual = s.arrival - common - p.offset;
    const double most = kMostSpreads * std::max(p.spread, kLeastSpread);
    const double clipped = p.samples <= kClipAfter ? residual : std::clamp(residual, -most, most);
    p.offset += gain * clipped;
    p.spread += std::max(kSpreadGain, gain) * (std::abs(clipped) - p.spread);
    p.error += gain * (s.error - p.error);
    p.updated = now;
  }
}

bool Arrivals::known(const Place& place, std::int64_t now) const {
  return place.samples >= options_.least_samples && now - place.updated <= options_.forget_after;
}

std::optional<Saved> Arrivals::saved(const race::FinishedRace& race, const Prefix& prefix,
                                     std::span<const std::uint16_t> field, std::int64_t now) const {
  const auto found = places_.find({race.service, prefix});
  if (race.shadow || field.size() < 2 || found == places_.end()) return std::nullopt;
  const std::vector<Place>& places = found->second->places;
  const auto of = [&](std::uint16_t slave) {
    const auto at = std::ranges::find(places, slave, &Place::slave);
    return at != places.end() && known(*at, now) ? &*at : nullptr;
  };
  const Place* winner = nullptr;
  if (race.verdict) {
    winner = of(race.verdict->winner);
  } else {
    for (const race::RunnerResult& r : race.ran()) {
      if (r.fate != Fate::sent) continue;
      const Place* p = of(r.slave);
      if (p == nullptr) return std::nullopt;
      if (winner == nullptr || p->offset < winner->offset) winner = p;
    }
  }
  if (winner == nullptr || !std::ranges::binary_search(field, winner->slave)) return std::nullopt;
  double sum = 0;
  std::optional<double> second;
  for (const std::uint16_t slave : field) {
    const Place* p = of(slave);
    if (p == nullptr || p->part != winner->part) return std::nullopt;
    sum += p->offset - winner->offset;
    if (p != winner && (!second || p->offset < *second)) second = p->offset;
  }
  const auto nanos = [](double ns) { return Nanos(std::llround(ns)); };
  return Saved{winner->slave, nanos(*second - winner->offset),
               nanos(sum / static_cast<double>(field.size()))};
}

std::vector<ArrivalRow> Arrivals::take_changed() {
  std::vector<ArrivalRow> rows;
  for (Entry& e : order_) {
    if (!e.changed) break;  // the changed ones are in front: who is taught goes there
    e.changed = false;
    for (const Place& p : e.places)
      rows.push_back({e.key.service, e.key.prefix, p.slave, std::llround(p.offset), std::llround(p.spread),
                      std::llround(p.error), p.samples, p.part, p.updated});
  }
  return rows;
}

void Arrivals::restore(std::span<const ArrivalRow> rows, std::int64_t now) {
  std::unordered_set<Key, Hash> restored(16, places_.hash_function());
  for (const ArrivalRow& row : rows) {
    if (row.samples <= 0 || row.updated > now || now - row.updated > options_.forget_after) continue;
    const Key key{row.service, row.prefix};
    auto found = places_.find(key);
    if (found == places_.end()) {
      if (places_.size() >= options_.most) continue;  // what this run has learned is worth more
      order_.push_back({key, {}, false});             // behind all that this run has taught
      found = places_.emplace(key, std::prev(order_.end())).first;
      restored.insert(key);
    } else if (!restored.contains(key)) {
      continue;
    }
    Place& p = place(*found->second, row.slave);
    p.part = row.part;
    p.samples = row.samples;
    p.updated = row.updated;
    p.offset = static_cast<double>(row.offset_ns);
    p.spread = static_cast<double>(row.spread_ns);
    p.error = static_cast<double>(row.error_ns);
  }
}

}  // namespace flagfall::stats
