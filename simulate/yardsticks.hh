// The other ways of choosing, for the very same requests: the oracle, who knows every round trip of the
// moment; round robin; at random; the best single site (chosen in hindsight); GeoIP (the nearest by the great
// circle, where coordinates are known).
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/random.hh"
#include "simulate/latencies.hh"
#include "simulate/options.hh"

namespace flagfall::simulate {

class Yardsticks {
 public:
  Yardsticks(const Latencies& world, std::uint64_t seed);
  void set_slice(std::size_t slice);
  /// A request from this place now; what the oracle gives it, ms.
  double request(std::size_t place);
  /// In this order: oracle, GeoIP where it is known, best single, round robin, random.
  std::vector<Choosing> finish(std::string& best_single);

 private:
  void look(std::size_t place);

  const Latencies& world_;
  SeededRandom lots_;
  std::size_t slice_ = 0;
  std::vector<float> best_;                        // by place, of this slice; negative: not known yet
  std::vector<std::uint16_t> nearest_;             // by place: the site; 0xffff: not known yet
  std::vector<std::vector<std::uint32_t>> asked_;  // by slice and place: requests
  std::uint64_t turn_ = 0;
  bool geo_ = false;
  Spread oracle_, geoip_, in_turn_, random_;
};

}  // namespace flagfall::simulate
