// A cluster's binding as everybody outside the cluster book sees it, and why it
// is as it is.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "director/evidence.hh"
#include "director/order.hh"

namespace flagfall::director {

/// What made a binding, or its last change.
enum class Cause : std::uint8_t {
  learning,  // not bound yet: asked, or too little evidence
  bound,     // enough agreeing evidence
  rebound,   // evidence against the old binding
  split,     // differs from the cluster around it
  merged,    // agreed with its neighbour
  by_hand,   // an operator's command
  shed,      // its server is over capacity
  restored,  // from the store, at a start or from another master
};
inline constexpr std::array<std::string_view, 8> kCauseNames{"learning", "bound",   "rebound", "split",
                                                             "merged",   "by hand", "shed",    "restored"};

/// Recorded with every change; the figures are those at that moment.
struct Reason {
  Cause cause = Cause::learning;
  Kind kind = Kind::race;      // the evidence that decided
  std::uint16_t agreeing = 0;  // pieces of it for the first server of the order
  std::uint16_t pieces = 0;    // and in all
  double advantage = 0;        // of the first over the next one: seconds or a ratio (rates); 0: not known
  bool operator==(const Reason&) const = default;
};

/// "bound: 5 of 6 races won, 12.3 ms before the next"
std::string to_text(const Reason& reason);

struct Binding {
  Prefix prefix;
  Order order;  // empty: learning
  Reason reason;
  MonoTime since;    // of the last change
  MonoTime renewed;  // the last evidence that agreed
  bool operator==(const Binding&) const = default;
};

/// One change of a cluster book; `gone`: the prefix has no entry of its own any more.
struct Change {
  Binding binding;
  bool gone = false;
};

}  // namespace flagfall::director
