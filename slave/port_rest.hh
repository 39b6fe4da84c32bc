// Ports that were given up with an answer still to come, and so are nobody's for a while. The kernel draws
// the port of a new socket and may draw such a one. Pure, fixed size, one owner.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/time.hh"

namespace flagfall::slave {

class PortRest {
 public:
  explicit PortRest(Nanos rest) : rest_(rest), until_(std::size_t{1} << 16) {}
  void given_up(std::uint16_t port, MonoTime now) { until_[port] = now + rest_; }
  [[nodiscard]] bool rests(std::uint16_t port, MonoTime now) const { return until_[port] > now; }

 private:
  Nanos rest_;
  std::vector<MonoTime> until_;
};

}  // namespace flagfall::slave
