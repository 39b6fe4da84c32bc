#include "master/win_of.hh"

namespace flagfall::master {

std::optional<director::Win> win_of(const race::FinishedRace& race,
                                    std::span<const std::optional<director::ServerIndex>> places) {
  if (!race.verdict || race.shadow) return std::nullopt;
  const auto place_of = [&](std::uint16_t slave) {
    return slave < places.size() ? places[slave] : std::nullopt;
  };
  const auto winner = place_of(race.verdict->winner);
  if (!winner) return std::nullopt;
  director::Win win{.client = race.client.ip,
                    .winner = *winner,
                    .certainty = race.verdict->certainty,
                    .margin = race.verdict->margin,
                    .within_error = race.verdict->within_error};
  for (const race::RunnerResult& runner : race.ran()) {
    // Who was late lost by the order's way, not by the answer's.
    const auto place = place_of(runner.slave);
    if (runner.fate == race::Fate::sent && place && *place != *winner) win.losers |= director::bit(*place);
  }
  return win;
}

}  // namespace flagfall::master
