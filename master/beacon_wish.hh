// Which of a service's races shall run with beacons. A value.
#pragma once

namespace flagfall::master {

struct BeaconWish {
  double sample = 0;     // share of races; 0: none
  bool unknown = false;  // those of client networks without a verdict
  bool operator==(const BeaconWish&) const = default;
};

}  // namespace flagfall::master
