// The shell of `flagfall race`: sends each query from a socket of its own, takes
// the kernel's receive stamp of every answer, and prints what the book says. One
// thread; returns when all races are over, or on SIGINT.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "common/base/ip.hh"
#include "common/base/random.hh"
#include "common/base/time.hh"
#include "tools/admin_target.hh"
#include "tools/race_errors.hh"

namespace flagfall::tools {

struct RaceOptions {
  std::string pattern = {};  // a name; its label `*` becomes fresh random characters in each query
  Endpoint master = {};
  std::uint16_t type = 1;
  unsigned count = 0;  // 0: until interrupted
  Nanos interval = std::chrono::seconds(1);
  Nanos wait = std::chrono::seconds(1);  // how long to listen after each query
  bool json = false;
  bool random_case = false;
  bool cookie = true;
  RaceErrors errors = {};                  // of the slaves by NSID; empty: nothing is marked
  std::optional<AdminTarget> report = {};  // whom to tell of each race, once it is over
};

/// 0: somebody answered; 1: nobody did. Throws std::system_error when the network cannot be used at all.
int race(const RaceOptions& options, const Clock& clock, Random& random, std::ostream& out,
         std::ostream& err);

}  // namespace flagfall::tools
