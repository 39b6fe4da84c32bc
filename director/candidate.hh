// What `explain` shows of a cluster: each server's figures, and the last evidence. Values only.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "director/evidence.hh"
#include "director/order.hh"

namespace flagfall::director {

/// What a cluster's owner would want to know of one server.
struct Candidate {
  ServerIndex server = 0;
  double won = 0, lost = 0;                       // decayed races against others
  std::array<double, kKindNames.size()> value{};  // by Kind: the robust figure; 0: none
  std::array<std::uint16_t, kKindNames.size()> pieces{};
  bool silent = false;  // to all that was asked of it
};

/// One piece of evidence, as well as it is remembered.
struct RecentEvidence {
  MonoTime at;  // to a sixteenth of a second
  Kind kind = Kind::race;
  Prefix about;            // as long as it is known
  ServerIndex server = 0;  // of a race the winner
  ServerMask losers = 0;   // of a race
  double value = 0;        // of a race the margin in seconds; 0: not known
  race::Certainty certainty = race::Certainty::likely;
  bool tie = false;     // of a race: within error
  bool silent = false;  // of a figure: no answer
};

}  // namespace flagfall::director
