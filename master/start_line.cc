#include "master/start_line.hh"

namespace flagfall::master {

std::optional<Fallback> StartLine::closed(const Snapshot& snapshot, MonoTime now) noexcept {
  if (snapshot.paused) return Fallback::paused;
  if (snapshot.clock.status != wire::ClockStatus::synchronised ||
      snapshot.clock.bound_at(now) > snapshot.max_error)
    return Fallback::clock;
  return std::nullopt;
}

std::optional<Fallback> StartLine::line_up(const Snapshot& snapshot, MonoTime timestamp, Nanos delay,
                                           MonoTime now, const std::vector<Runner>& fit, std::uint8_t address,
                                           LineUp& out) const noexcept {
  if (timestamp + delay <= now) return Fallback::expired;
  out.timestamp = timestamp;
  out.instant = snapshot.clock.to_ref(timestamp) + delay;
  if (snapshot.clock.near_leap(snapshot.clock.to_ref(now)) || snapshot.clock.near_leap(out.instant))
    return Fallback::leap_second;
  out.id = next_id_;
  out.count = choose(fit, address, out);
  if (out.count == 0) return Fallback::no_fit_slave;
  return std::nullopt;
}

/// When more are fit than may race, each race starts one further down the list,
/// so that over time all of them run equally often.
unsigned StartLine::choose(const std::vector<Runner>& fit, std::uint8_t address, LineUp& out) const noexcept {
  unsigned count = 0;
  const std::size_t first = fit.empty() ? 0 : static_cast<std::size_t>(next_id_ % fit.size());
  for (std::size_t i = 0; i < fit.size() && count < max_slaves_; ++i) {
    const std::size_t at = first + i < fit.size() ? first + i : first + i - fit.size();
    if (((fit[at].ready >> address) & 1U) != 0) out.runners[count++] = fit[at];
  }
  return count;
}

}  // namespace flagfall::master
