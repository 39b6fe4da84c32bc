#include "master/race_ledger.hh"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>

#include "common/wire/order.hh"

namespace flagfall::master {
namespace {

using race::Fate;

/// So long after a race's instant most of its evidence is there: the far end of a network is 300 ms away, and
/// slaves report four times a second.
constexpr Nanos kLook = std::chrono::milliseconds(500);
/// The same question within so long is the same look-up; later it may be another.
constexpr Nanos kAgain = std::chrono::seconds(2);

Fate fate_of(wire::RaceOutcome::Fate fate) {
  using Wire = wire::RaceOutcome::Fate;
  switch (fate) {
    case Wire::sent:
      return Fate::sent;
    case Wire::sent_late:
      return Fate::sent_late;
    case Wire::dropped_late:
      return Fate::dropped_late;
    case Wire::refused:
      return Fate::refused;
    case Wire::failed:
      return Fate::failed;
    case Wire::withheld:
      return Fate::withheld;
  }
  return Fate::unreported;
}

}  // namespace

RaceLedger::RaceLedger(const LedgerOptions& options, const AnswerOwners& owners, Random& random,
                       RaceObserver& observer)
    : options_(options),
      owners_(owners),
      observer_(observer),
      hash_(random),
      entries_(options.races),
      runs_(options.races * options.runners),
      free_(options.races),
      order_(options.races),
      by_id_(options.races),
      by_question_(options.races) {
  assert(options.races > 0 && options.runners >= 1 && options.runners <= race::kMostRunners);
  std::iota(free_.rbegin(), free_.rend(), 0U);
}

std::uint64_t RaceLedger::id_hash(std::uint64_t id) const {
  return hash_.finish(hash_.mix(hash_.start(), id));
}

std::uint64_t RaceLedger::client_hash(const IpAddress& client, std::uint64_t question) const {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), client.octets.data(), sizeof words);
  std::uint64_t state = hash_.mix(hash_.start(), static_cast<std::uint64_t>(client.family));
  state = hash_.mix(hash_.mix(state, words[0]), words[1]);
  return hash_.finish(hash_.mix(state, question));
}

std::optional<std::uint32_t> RaceLedger::find(std::uint64_t race) const {
  return by_id_.find(id_hash(race), [&](std::uint32_t slot) { return entries_[slot].start.id == race; });
}

RaceLedger::Run* RaceLedger::run_of(std::uint32_t slot, std::uint16_t slave) {
  const auto ran = std::span(entries_[slot].start.runners).first(entries_[slot].start.count);
  const auto at = std::ranges::find(ran, slave);
  return at == ran.end() ? nullptr : &runs(slot)[static_cast<std::size_t>(at - ran.begin())];
}

// ---- what arrives

void RaceLedger::started(const RaceStarted& started) {
  assert(started.count >= 1 && started.count <= options_.runners && started.service < owners_.services());
  ++counters_.started;
  if (free_.empty()) {
    ++counters_.forgotten;
    return;
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  entries_[slot] = {.start = started, .beacon = {}, .segment = {}};
  // Also where retries are raced: the older question was given up, and what is sent for it may be taken yet.
  (void)by_question_.find(client_hash(started.client.ip, started.question), [&](std::uint32_t other) {
    const RaceStarted& older = entries_[other].start;
    if (older.client.ip != started.client.ip || older.question != started.question ||
        started.received - older.received > kAgain)
      return false;
    ask_again(entries_[other]);
    ask_again(entries_[slot]);
    return false;
  });
  std::ranges::fill(runs(slot), Run{});
  order_[(oldest_ + used_) % order_.size()] = slot;
  ++used_;
  by_id_.insert(id_hash(started.id), slot);
  by_question_.insert(client_hash(started.client.ip, started.question), slot);
}

void RaceLedger::repeated(const QuestionRepeated& repeated) {
  (void)by_question_.find(client_hash(repeated.client, repeated.question), [&](std::uint32_t slot) {
    Entry& entry = entries_[slot];
    if (entry.start.client.ip == repeated.client && entry.start.question == repeated.question)
      ask_again(entry);
    return false;  // all of them
  });
}

void RaceLedger::ask_again(Entry& entry) {
  if (!entry.asked_again) ++counters_.repeated;
  entry.asked_again = true;
}

void RaceLedger::unwanted(const AnswerUnwanted& unwanted) {
  const auto slot =
      by_question_.find(client_hash(unwanted.client.ip, unwanted.question), [&](std::uint32_t s) {
        const RaceStarted& start = entries_[s].start;
        return start.client == unwanted.client && start.question == unwanted.question &&
               start.dns_id == unwanted.dns_id && start.address == unwanted.address;
      });
  if (slot) return note_error(*slot, unwanted);
  ++counters_.errors_unknown;
}

void RaceLedger::note_error(std::uint32_t slot, const AnswerUnwanted& unwanted) {
  const RaceStarted& start = entries_[slot].start;
  const auto place = owners_.runner_of(start.service, std::span(unwanted.answers).first(unwanted.count),
                                       std::span(start.runners).first(start.count));
  if (!place) {
    ++counters_.errors_ambiguous;
    return;
  }
  const std::uint32_t ttl = owners_.ttl(start.service);
  const bool echo = start.echo == *place && unwanted.ttl == wire::echo_ttl(ttl);
  if (*place == AnswerOwners::kNobody || (!echo && unwanted.ttl != ttl)) {
    ++counters_.errors_unknown;
    return;
  }
  const Nanos after = unwanted.at - start.due;
  if (after < (echo ? wire::kEchoAfter : Nanos(0)) - options_.clock_error) {
    ++counters_.errors_early;
    return;
  }
  ++counters_.errors_used;
  Run& run = runs(slot)[*place];
  Nanos& kept = echo ? run.echo_unwanted : run.unwanted;
  if (kept == Run::kNever) kept = after;
  settle(slot);
}

void RaceLedger::segment_won(const SegmentWon& won) {
  const auto slot = find(won.race);
  if (!slot || entries_[*slot].segment || run_of(*slot, won.slave) == nullptr) {
    ++counters_.segments_unknown;
    return;
  }
  Entry& entry = entries_[*slot];
  const Nanos after = won.at - entry.start.due;
  if (after < -options_.clock_error) {
    ++counters_.segments_early;
    return;
  }
  entry.segment = won.slave;
  entry.acknowledged = after;
  settle(*slot);
}

void RaceLedger::report(std::uint16_t slave, const wire::Report& report) {
  for (const wire::RaceOutcome& outcome : report.outcomes) {
    const auto slot = find(outcome.race);
    if (!slot) {
      ++counters_.reports_unknown;
      continue;
    }
    const RaceStarted& start = entries_[*slot].start;
    Run* const run = run_of(*slot, slave);
    if (run == nullptr || run->fate != Fate::unreported) {
      ++counters_.reports_foreign;
      continue;
    }
    run->fate = fate_of(outcome.fate);
    run->one_way = outcome.one_way;
    run->bound = report.bound;
    run->expected = report.expected + start.expected;
    run->transmit_error = outcome.transmit_error;
    observer_.timed({.race = start.id,
                     .service = start.service,
                     .slave = slave,
                     .fate = run->fate,
                     .delay = start.delay,
                     .dispatch = start.dispatch,
                     .one_way = run->one_way,
                     .bound = run->bound});
    settle(*slot);
  }
  for (const wire::BeaconWin& win : report.beacon_wins) beacon(slave, win);
}

void RaceLedger::beacon(std::uint16_t slave, const wire::BeaconWin& win) {
  const auto slot = find(win.race);
  if (!slot || !entries_[*slot].start.beacon || run_of(*slot, slave) == nullptr) {
    ++counters_.beacons_unknown;
    return;
  }
  ++counters_.beacons_used;
  Entry& entry = entries_[*slot];
  entry.beacons_differ = entry.beacons_differ || (entry.beacon && *entry.beacon != slave);
  if (!entry.beacon) {
    entry.beacon = slave;
    entry.beacon_same_address = win.same_address;
  }
  settle(*slot);
}

bool RaceLedger::client_report(const ClientReport& report, std::uint64_t question) {
  const auto slot = by_question_.find(client_hash(report.client.ip, question), [&](std::uint32_t s) {
    const Entry& entry = entries_[s];
    return entry.start.client == report.client && entry.start.question == question &&
           entry.start.dns_id == report.dns_id && !entry.client_told;
  });
  if (!slot) {
    ++counters_.clients_unknown;
    return false;
  }
  const RaceStarted& start = entries_[*slot].start;
  entries_[*slot].client_told = true;
  // Its clock began when its query left, ours when that came: so this has the query's way in it, for all
  // runners.
  const auto after = [&](const ClientArrival& a) { return a.after - (start.due - start.received); };
  const auto arrivals = std::span(report.arrivals).first(report.count);
  if (std::ranges::any_of(arrivals,
                          [&](const ClientArrival& a) { return after(a) < -options_.clock_error; })) {
    ++counters_.clients_early;
    return true;
  }
  for (const ClientArrival& arrival : arrivals) {
    const auto place =
        owners_.runner_of(start.service, arrival.addresses(), std::span(start.runners).first(start.count));
    if (!place || *place == AnswerOwners::kNobody) continue;
    Run& run = runs(*slot)[*place];
    if (run.seen == Run::kNever) run.seen = after(arrival);  // an echo comes later
  }
  ++counters_.clients_used;
  return true;
}

void RaceLedger::records_lost(std::uint64_t count) {
  counters_.records_lost += count;
  for (std::size_t i = 0; i < used_; ++i) entries_[order_[(oldest_ + i) % order_.size()]].records_lost = true;
}

// ---- ends

void RaceLedger::advance(MonoTime now) {
  for (; looked_ < used_; ++looked_) {
    const std::uint32_t slot = order_[(oldest_ + looked_) % order_.size()];
    Entry& entry = entries_[slot];
    if (entry.start.due + kLook > now) break;
    entry.looked = true;
    settle(slot);
  }
  while (used_ > 0 && entries_[order_[oldest_]].start.received + options_.hold <= now)
    finish(order_[oldest_]);
}

void RaceLedger::settle(std::uint32_t slot) {
  Entry& entry = entries_[slot];
  if (!entry.looked || entry.settled) return;
  const race::FinishedRace race = judged(slot);
  entry.settled = race.verdict.has_value();
  if (entry.settled) observer_.settled(race);
}

void RaceLedger::close() {
  while (used_ > 0) finish(order_[oldest_]);
}

/// What is known of it now.
race::FinishedRace RaceLedger::judged(std::uint32_t slot) {
  const Entry& entry = entries_[slot];
  const RaceStarted& start = entry.start;
  race::FinishedRace out;
  out.id = start.id;
  out.instant = start.instant;
  out.received = start.received;
  out.delay = start.delay;
  out.dispatch = start.dispatch;
  out.client = start.client;
  out.service = start.service;
  out.shadow = start.shadow;
  out.count = start.count;
  std::array<RunnerEvidence, race::kMostRunners> evidence{};
  const auto known = [](Nanos at) { return at == Run::kNever ? std::nullopt : std::optional(at); };
  for (std::size_t i = 0; i < start.count; ++i) {
    const Run& run = runs(slot)[i];
    out.runners.at(i) = {.slave = start.runners.at(i),
                         .fate = run.fate,
                         .one_way = run.one_way,
                         .bound = run.bound,
                         .expected = run.expected,
                         .transmit_error = run.transmit_error,
                         .arrival = {}};
    evidence.at(i) = {known(run.unwanted), known(run.echo_unwanted), start.echo == i, known(run.seen), {}};
    if (entry.segment == start.runners.at(i)) evidence.at(i).acknowledged = entry.acknowledged;
  }
  const RaceEvidence whole{.lead = start.due - start.received,
                           .asked_again = entry.asked_again,
                           .records_lost = entry.records_lost,
                           .beacon = entry.beacons_differ ? std::nullopt : entry.beacon,
                           .beacon_same_address = entry.beacon_same_address};
  judge(options_.rules, whole, std::span(evidence).first(start.count), out);
  return out;
}

/// The oldest one.
void RaceLedger::finish(std::uint32_t slot) {
  const RaceStarted& start = entries_[slot].start;
  const race::FinishedRace out = judged(slot);
  ++counters_.finished;
  if (out.verdict)
    ++counters_.verdicts.at(static_cast<std::size_t>(out.verdict->way))
          .at(static_cast<std::size_t>(out.verdict->certainty));
  by_id_.erase(id_hash(start.id), slot);
  by_question_.erase(client_hash(start.client.ip, start.question), slot);
  free_.push_back(slot);
  oldest_ = (oldest_ + 1) % order_.size();
  --used_;
  if (looked_ > 0) --looked_;
  if (!entries_[slot].settled) observer_.settled(out);
  observer_.finished(out);
}

}  // namespace flagfall::master
