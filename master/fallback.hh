// Why a request for a raced service was answered by the master itself. One counter
// each; the first reason that applies is the one that counts.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/base/counters.hh"

namespace flagfall::master {

enum class Fallback : std::uint8_t {
  no_fit_slave,       // none registered, ready, with a good clock
  tcp,                // a connection has one server by nature
  guard_prefix,       // the client network's bucket is empty
  guard_total,        // the bucket of all clients is empty
  guard_table,        // no room to account for one more client network
  unverified_never,   // no valid cookie, and guard.unverified = "never"
  retry,              // the same question within retry_window: the client heard nothing
  paused,             // by an operator
  clock,              // the master's own bound is above clock.max_error, or unknown
  type_not_raced,     // no slave of the service has an answer in that family
  too_big,            // the request does not fit into an order datagram
  expired,            // it lay in the queue for longer than the delay
  order_send_failed,  // the kernel refused every order datagram of the race
  leap_second,        // a leap second is announced, and less than 2 s from now or from the instant
  not_sampled,        // the lot of service.race_share fell on the others
  // Of a request in a TCP connection that could be handed over to the slaves, but
  tcp_options,      // the client's TCP has no selective acknowledgements, or no timestamps
  tcp_busy,         // another answer or request is under way in it
  tcp_room,         // the answer is more than one segment, or than the client takes
  tcp_closing,      // the client has ended it
  tcp_failed,       // the kernel refused: CAP_NET_ADMIN is missing, mostly
  tcp_delay,        // the service's delay is longer than the kernel waits with its own copy
  races_in_flight,  // as many races as may be are not over yet
  no_rival          // of a service of datagrams only one slave is fit: it answers at once
};

inline constexpr std::array<std::string_view, 23> kFallbackNames = {"no_fit_slave",
                                                                    "tcp",
                                                                    "guard_prefix",
                                                                    "guard_total",
                                                                    "guard_table",
                                                                    "unverified_never",
                                                                    "retry",
                                                                    "paused",
                                                                    "clock",
                                                                    "type_not_raced",
                                                                    "too_big",
                                                                    "expired",
                                                                    "order_send_failed",
                                                                    "leap_second",
                                                                    "not_sampled",
                                                                    "tcp_options",
                                                                    "tcp_busy",
                                                                    "tcp_room",
                                                                    "tcp_closing",
                                                                    "tcp_failed",
                                                                    "tcp_delay",
                                                                    "races_in_flight",
                                                                    "no_rival"};

constexpr std::string_view name_of(Fallback reason) {
  return kFallbackNames.at(static_cast<std::size_t>(reason));
}

class FallbackCounters {
 public:
  void count(Fallback reason) { ++counters_.at(static_cast<std::size_t>(reason)); }
  [[nodiscard]] std::uint64_t get(Fallback reason) const {
    return counters_.at(static_cast<std::size_t>(reason)).get();
  }

 private:
  std::array<Counter, kFallbackNames.size()> counters_;
};

}  // namespace flagfall::master
