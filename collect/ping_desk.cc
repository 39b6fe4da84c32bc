#include "collect/ping_desk.hh"

#include <algorithm>
#include <cassert>

namespace flagfall::collect {
namespace {

// Numbers on the wire are places of slots: a late reply finds its slot's old token for as
// long as the others take their turns.
constexpr std::size_t kSlots = 1024;

}  // namespace

PingDesk::PingDesk(const PingOptions& options, Random& random)
    : options_(options), random_(random), bucket_({options.rate, options.burst}), slots_(kSlots) {
  options_.at_once = std::clamp<std::size_t>(options.at_once, 1, kSlots / 2);
}

void PingDesk::order(std::size_t asker, const wire::PingOrder& order, MonoTime now) {
  forget_old(now);
  for (const IpAddress& address : order.addresses) {
    ++counters_.ordered;
    if (!address.unicast()) {
      ++counters_.refused;
      tell(asker, address, Fate::refused, Nanos(0), Nanos(0));
      continue;
    }
    auto target = targets_.find(address);
    if (target != targets_.end() && target->second.stage == Target::Stage::known) {
      ++counters_.cached;
      const Target& known = target->second;
      tell(asker, address, known.fate, known.round_trip, now - known.measured);
      continue;
    }
    if (target == targets_.end()) {
      if (busy_ >= options_.queue) {
        ++counters_.refused;
        tell(asker, address, Fate::refused, Nanos(0), Nanos(0));
        continue;
      }
      target = targets_.try_emplace(address).first;
      queue_.push_back(address);
      ++busy_;
    }
    auto& waiters = target->second.waiters;
    const bool waits = std::ranges::find(waiters, asker, &Waiter::asker) != waiters.end();
    if (waits) continue;  // one result an order; the one that is coming will do for both
    waiters.push_back({asker, now + order.within});
    waits_.emplace(now + order.within, std::pair(asker, address));
  }
}

void PingDesk::forget(std::size_t asker) {
  for (auto& [address, target] : targets_)
    std::erase_if(target.waiters, [&](const Waiter& w) { return w.asker == asker; });
  std::erase_if(waits_, [&](const auto& wait) { return wait.second.first == asker; });
  std::erase_if(results_, [&](const Result& result) { return result.asker == asker; });
}

std::vector<PingDesk::Echo> PingDesk::take_echoes(MonoTime now) {
  std::vector<Echo> out;
  while (!queue_.empty() && under_way_ < options_.at_once && bucket_.may_take(bucket_full_at_, now)) {
    const IpAddress address = queue_.front();
    queue_.pop_front();
    const auto target = targets_.find(address);
    assert(target != targets_.end() && target->second.stage == Target::Stage::queued);
    if (target->second.waiters.empty()) {  // nobody wants to know any more
      targets_.erase(target);
      --busy_;
      continue;
    }
    bucket_full_at_ = bucket_.take(bucket_full_at_, now);
    while (slots_[next_slot_].used) next_slot_ = (next_slot_ + 1) % slots_.size();
    const auto sequence = static_cast<std::uint16_t>(next_slot_);
    next_slot_ = (next_slot_ + 1) % slots_.size();
    Slot& slot = slots_[sequence];
    slot = {true, address, random_.next(), MonoTime::max(), now + options_.timeout};
    ++under_way_;
    target->second.stage = Target::Stage::asked;
    ++target->second.tries;
    out.push_back({address, sequence, slot.token});
  }
  return out;
}

void PingDesk::sent(std::uint16_t sequence, MonoTime at) {
  assert(sequence < slots_.size());
  ++counters_.echoes;
  slots_[sequence].sent = at;
}

void PingDesk::failed(std::uint16_t sequence, MonoTime now) {
  assert(sequence < slots_.size());
  ++counters_.unsent;
  Slot& slot = slots_[sequence];
  if (!slot.used) return;
  const auto target = targets_.find(slot.to);
  free_slot(slot);
  if (target != targets_.end()) conclude(target, Fate::refused, Nanos(0), now);
}

void PingDesk::reply(const IpAddress& from, std::uint16_t sequence, std::uint64_t token, MonoTime at,
                     MonoTime now) {
  if (sequence >= slots_.size() || slots_[sequence].token != token || slots_[sequence].to != from ||
      slots_[sequence].sent == MonoTime::max()) {
    ++counters_.forged;
    return;
  }
  Slot& slot = slots_[sequence];
  const Nanos round_trip = at - slot.sent;
  if (!slot.used || round_trip > options_.timeout) {
    ++counters_.late;  // or a duplicate
    return;
  }
  const auto target = targets_.find(from);
  free_slot(slot);
  if (target == targets_.end() || target->second.stage != Target::Stage::asked) return;
  ++counters_.replies;
  // A clock that was set between the two stamps leaves no round trip: asked again.
  if (round_trip <= Nanos(0)) return retry_or_give_up(from, now);
  conclude(target, Fate::answered, std::min<Nanos>(round_trip, wire::kMostRoundTrip), now);
}

void PingDesk::tick(MonoTime now) {
  if (under_way_ > 0)
    for (Slot& slot : slots_) {
      if (!slot.used || slot.until > now) continue;
      const IpAddress address = slot.to;
      free_slot(slot);
      retry_or_give_up(address, now);
    }
  while (!waits_.empty() && waits_.begin()->first <= now) {
    const std::size_t asker = waits_.begin()->second.first;
    const IpAddress address = waits_.begin()->second.second;
    const MonoTime until = waits_.begin()->first;
    waits_.erase(waits_.begin());
    const auto target = targets_.find(address);
    if (target == targets_.end()) continue;
    const auto gone = std::erase_if(target->second.waiters,
                                    [&](const Waiter& w) { return w.asker == asker && w.until == until; });
    if (gone > 0) tell(asker, address, Fate::silent, Nanos(0), Nanos(0));
  }
  forget_old(now);
}

MonoTime PingDesk::next_deadline(MonoTime now) const {
  MonoTime next = waits_.empty() ? MonoTime::max() : waits_.begin()->first;
  if (under_way_ > 0)
    for (const Slot& slot : slots_)
      if (slot.used) next = std::min(next, slot.until);
  if (!queue_.empty() && under_way_ < options_.at_once && bucket_.cost() > Nanos(0))
    next = std::min(next, bucket_.may_take(bucket_full_at_, now) ? now : now + bucket_.cost());
  return next;
}

void PingDesk::retry_or_give_up(const IpAddress& address, MonoTime now) {
  const auto target = targets_.find(address);
  if (target == targets_.end() || target->second.stage != Target::Stage::asked) return;
  if (target->second.tries >= options_.tries) {
    ++counters_.silent;
    return conclude(target, Fate::silent, Nanos(0), now);
  }
  target->second.stage = Target::Stage::queued;
  queue_.push_back(address);
}

void PingDesk::conclude(Targets::iterator target, Fate fate, Nanos round_trip, MonoTime now) {
  Target& known = target->second;
  for (const Waiter& waiter : known.waiters) tell(waiter.asker, target->first, fate, round_trip, Nanos(0));
  --busy_;
  if (fate == Fate::refused) {  // the way may be there the next time
    targets_.erase(target);
    return;
  }
  known.waiters = {};
  known.stage = Target::Stage::known;
  known.fate = fate;
  known.round_trip = round_trip;
  known.measured = now;
  kept_.emplace_back(now, target->first);
  forget_old(now);
}

void PingDesk::tell(std::size_t asker, const IpAddress& address, Fate fate, Nanos round_trip, Nanos age) {
  results_.push_back({asker, {address, fate, round_trip, std::min<Nanos>(age, std::chrono::hours(1))}});
}

void PingDesk::free_slot(Slot& slot) {
  slot.used = false;
  --under_way_;
}

void PingDesk::forget_old(MonoTime now) {
  while (!kept_.empty() && (kept_.front().first + options_.keep <= now || kept_.size() > options_.memory)) {
    targets_.erase(kept_.front().second);
    kept_.pop_front();
  }
}

}  // namespace flagfall::collect
