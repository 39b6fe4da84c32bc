// What the judge forgets, so that its memory does not grow with the length of a
// play: a query is settled when its client has long given up, and whoever answers
// it afterwards is found all the same, since nobody asked.
#include "sim/judge.hh"

namespace flagfall::sim {

/// Each part before what it points at: a query, datagrams, races, and then orders.
void Judge::forget() {
  look_for_lost_orders();
  const RefTime horizon = world_.now() - promises_.memory;
  beacons_.forget(horizon);
  while (!asks_.empty() && asks_.front().asked < horizon) {
    for (const std::uint64_t packet : asks_.front().direct) flights_.erase(packet);
    ask_of_.erase(asks_.front().key);
    asks_.pop_front();
  }
  while (!sent_datagrams_.empty() && sent_datagrams_.front().first < horizon) {
    datagrams_.erase(sent_datagrams_.front().second);
    sent_datagrams_.pop_front();
  }
  for (Master& master : masters_)
    for (; !master.started.empty() && master.started.front().when < horizon; master.started.pop_front()) {
      const Started& old = master.started.front();
      master.races.erase(old.race);
      const auto raced = master.raced.find(old.question);
      if (raced != master.raced.end() && raced->second.first == old.when) master.raced.erase(raced);
    }
  // No order of theirs is left by then.
  std::erase_if(sessions_, [&](const auto& entry) {
    return entry.second.over && entry.second.over_at < horizon - promises_.memory;
  });
  // An instant may lie a little before its query when a host was busy.
  while (!orders_.empty() && orders_.front().instant < horizon - std::chrono::seconds(1)) {
    flights_.erase(orders_.front().answer);
    flights_.erase(orders_.front().echo_answer);
    orders_.pop_front();
  }
}

}  // namespace flagfall::sim
