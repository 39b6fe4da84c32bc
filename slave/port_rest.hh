// Ports that were given up with an answer still to come, and so are nobody's for a while. The kernel draws
// the port of a new socket and may draw such a one. Pure, fixed size, one owner.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/time.hh"

namespace flagfall::slave {

class PortRest {
 public:
  PortRest() : until_(std::size_t{1} << 16) {}
  void given_up(std::uint16_t port, MonoTime until) { until_[port] = until; }
  [[nodiscard]] bool rests(std::uint16_t port, MonoTime now) const { return until_[port] > now; }

 private:
  std::vector<MonoTime> until_;
};

}  // namespace flagfall::slave
