#include "delay/rows.hh"

#include <algorithm>
#include <bit>

namespace flagfall::delay {
namespace {

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014): ids are sequential, samples must not be.
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

bool sampled(std::uint64_t race, unsigned level) {
  return (mixed(race) & ((std::uint64_t{1} << level) - 1)) == 0;
}

constexpr unsigned kMostLevel = 40;
/// Reports come in batches: what one second brings says little.
constexpr Nanos kPeriod = std::chrono::seconds(4);

}  // namespace

bool counts(race::Fate fate) {
  switch (fate) {
    case race::Fate::sent:
    case race::Fate::sent_late:
    case race::Fate::dropped_late:
    case race::Fate::withheld:
      return true;
    case race::Fate::unreported:
    case race::Fate::refused:
    case race::Fate::failed:
      return false;
  }
  return false;
}

bool on_time(race::Fate fate, Nanos needed, Nanos delay) {
  return fate == race::Fate::sent || (fate == race::Fate::withheld && needed <= delay);
}

Nanos needed(const race::OrderTiming& timing) {
  const Nanos measured = std::max(Nanos(0), timing.dispatch + timing.one_way);
  switch (timing.fate) {
    case race::Fate::sent:
      return std::min(measured, timing.delay);
    case race::Fate::sent_late:
    case race::Fate::dropped_late:
      // Its receipt may have been in time, and only the answer was not ready.
      return std::max(measured, timing.delay + Nanos(1));
    case race::Fate::unreported:
    case race::Fate::refused:
    case race::Fate::failed:
    case race::Fate::withheld:
      return measured;
  }
  return measured;
}

void Rows::add(const race::OrderTiming& timing, MonoTime now) {
  if (!counts(timing.fate)) return;
  adjust(now);
  Row* const row = open(timing.race, now);
  if (row == nullptr || row->count == row->needs.size()) return;
  const auto known = row->all();
  if (std::ranges::any_of(known, [&](const Need& n) { return n.slave == timing.slave; })) return;
  const Nanos need = needed(timing);
  row->needs.at(row->count++) = {timing.slave, on_time(timing.fate, need, timing.delay), need};
}

Row* Rows::open(std::uint64_t race, MonoTime now) {
  if (const auto found = places_.find(race); found != places_.end()) return &ring_[found->second];
  if (!sampled(race, level_)) return nullptr;
  ++opened_;
  ++total_;
  std::size_t place = ring_.size();
  if (place < kMost) {
    ring_.emplace_back();
  } else {
    place = next_;
    next_ = next_ + 1 == kMost ? 0 : next_ + 1;
    places_.erase(ring_[place].race);
    ring_[place] = {};
  }
  Row& row = ring_[place];
  row.race = race;
  row.at = now;
  // Reports of this race may have come while fewer were taken in.
  row.whole = sampled(race, strict_) || now - eased_ >= kSettling;
  places_.emplace(race, place);
  return &row;
}

/// The level follows the races period by period; within a period it only rises, so that rows stay long enough
/// for all reports of their races.
void Rows::adjust(MonoTime now) {
  constexpr unsigned kMostOpened = kPerSecond * static_cast<unsigned>(kPeriod / std::chrono::seconds(1));
  if (opened_ >= 2 * kMostOpened && level_ < kMostLevel) {
    ++level_;
    opened_ /= 2;
  }
  if (now - period_ < kPeriod) return;
  if (opened_ > kMostOpened && level_ < kMostLevel) {
    ++level_;
  } else if (opened_ < kMostOpened * 9 / 20 && level_ > 0 && now - eased_ >= kSettling) {
    strict_ = level_--;  // twice as many are still below the limit
    eased_ = now;
  }
  period_ = now;
  opened_ = 0;
}

std::size_t Rows::first_of(MonoTime now, Nanos window, std::size_t least, Nanos oldest) const {
  const auto first_since = [&](MonoTime since) {
    std::size_t low = 0;
    std::size_t high = size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if ((*this)[middle].at < since)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  };
  const std::size_t by_count = size() > least ? size() - least : 0;
  return std::max(std::min(first_since(now - window), by_count), first_since(now - oldest));
}

std::vector<Row> Rows::settled_rows(MonoTime now) const {
  std::vector<Row> out;
  out.reserve(size());
  for (std::size_t i = 0; i < size(); ++i)
    if (settled((*this)[i], now)) out.push_back((*this)[i]);
  return out;
}

}  // namespace flagfall::delay
