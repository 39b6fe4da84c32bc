#include "slave/backend_slots.hh"

namespace flagfall::slave {

BackendSlots::BackendSlots(const Options& options) : options_(options), slots_(options.sockets) {
  for (std::uint32_t i = 0; i < options.sockets; ++i) slots_[i].self = free_.insert(free_.end(), i);
}

BackendSlots::Line& BackendSlots::line(Slot::State state) {
  switch (state) {
    case Slot::State::free:
      break;
    case Slot::State::waiting:
      return waiting_;
    case Slot::State::resting:
      return resting_;
    case Slot::State::broken:
      return broken_;
  }
  return free_;
}

void BackendSlots::move(std::uint32_t slot, Slot::State state, MonoTime until) {
  Slot& it = slots_[slot];
  Line& to = line(state);
  to.splice(to.end(), line(it.state), it.self);
  it.state = state;
  it.until = until;
}

std::optional<std::uint32_t> BackendSlots::ask(std::uint32_t whose, MonoTime now) {
  while (!resting_.empty() && slots_[resting_.front()].until <= now)
    move(resting_.front(), Slot::State::free, now);
  if (free_.empty()) return std::nullopt;
  const std::uint32_t slot = free_.front();
  slots_[slot].whose = whose;
  move(slot, Slot::State::waiting, now + options_.timeout);
  return slot;
}

std::optional<std::uint32_t> BackendSlots::over(std::uint32_t slot, MonoTime now) {
  if (slots_[slot].state != Slot::State::waiting) return std::nullopt;
  move(slot, Slot::State::resting, now + options_.rest);
  return slots_[slot].whose;
}

std::optional<BackendSlots::Overdue> BackendSlots::overdue(MonoTime now) {
  if (waiting_.empty() || slots_[waiting_.front()].until > now) return std::nullopt;
  const std::uint32_t slot = waiting_.front();
  move(slot, Slot::State::broken, now);
  return Overdue{slot, slots_[slot].whose};
}

void BackendSlots::broken(std::uint32_t slot) {
  move(slot, Slot::State::broken, {});
}

void BackendSlots::replaced(std::uint32_t slot) {
  move(slot, Slot::State::free, {});
}

std::optional<std::uint32_t> BackendSlots::first_broken() const {
  if (broken_.empty()) return std::nullopt;
  return broken_.front();
}

}  // namespace flagfall::slave
