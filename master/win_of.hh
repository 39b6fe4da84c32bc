// What a race says to the director: its verdict, as a win over those that ran. Pure.
#pragma once

#include <optional>
#include <span>

#include "common/race/finished_race.hh"
#include "director/evidence.hh"

namespace flagfall::master {

/// `places`: by slave, which of the service's servers it is. None: the race says nothing.
std::optional<director::Win> win_of(const race::FinishedRace& race,
                                    std::span<const std::optional<director::ServerIndex>> places);

}  // namespace flagfall::master
