// Which slave is nearest to how many clients of one service, as far as verdicts
// tell: the weights of Trade::nearest_wins. Races that teach have two or three
// runners, so wins alone would favour who runs often; what counts is, for each
// client network, the slave that wins the most of the races that it was in.
// Bounded: kMost networks, those that were heard last. Pure; control thread only.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <vector>

#include "common/base/ip.hh"
#include "common/race/finished_race.hh"

namespace flagfall::delay {

class Nearest {
 public:
  static constexpr std::size_t kMost = 4096;
  /// Client networks: as far as routes differ in the public Internet (/24), and what one site holds (/48).
  static constexpr unsigned kBitsV4 = 24, kBitsV6 = 48;

  /// `slaves`: the indexes of the service's slaves, one a column.
  explicit Nearest(std::vector<std::uint16_t> slaves) : slaves_(std::move(slaves)) {}

  /// A race with a verdict whose runners were all on time, and whose margin is no clock's error; others say
  /// nothing about who is nearest.
  void add(const race::FinishedRace& race);

  struct Weights {
    std::vector<double> of;      // one a column: races of the networks whose nearest it is; empty: none
    std::uint64_t networks = 0;  // that have a nearest
  };
  [[nodiscard]] Weights weights() const;

 private:
  struct Count {
    float ran = 0;
    float won = 0;
  };
  struct Network {
    std::vector<Count> slaves;
    float races = 0;
    std::list<Prefix>::iterator place;
  };
  Network& network(const Prefix& prefix);

  std::vector<std::uint16_t> slaves_;
  std::map<Prefix, Network> networks_;
  std::list<Prefix> recent_;  // heard last first
};

}  // namespace flagfall::delay
