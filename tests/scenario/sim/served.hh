// What the masters of all tests' worlds serve, loaded once.
#pragma once

#include "sim/sample_zone.hh"

inline const flagfall::sim::ServedData& data() {
  static const flagfall::sim::ServedData served = flagfall::sim::serve_sample_zone();
  return served;
}
