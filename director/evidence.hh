// What says how good a server is for a client's network. Values only; each says
// what it is about, and the time comes with the call that brings it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/race/finished_race.hh"
#include "director/order.hh"

namespace flagfall::director {

/// What was measured. Times are in seconds, rates in octets a second.
enum class Kind : std::uint8_t { race, ping, tcp_rtt, tcp_rate, bandwidth };
inline constexpr std::array<std::string_view, 5> kKindNames{"race", "ping", "tcp-rtt", "tcp-rate",
                                                            "bandwidth"};
/// Of a kind, more is better: rates. Otherwise less is.
constexpr bool more_is_better(Kind kind) {
  return kind == Kind::tcp_rate || kind == Kind::bandwidth;
}

/// A race that was won: the winner came before each of the losers, at this client.
struct Win {
  IpAddress client;  // the packet's source, never an EDNS client subnet
  ServerIndex winner = 0;
  ServerMask losers = 0;  // those that sent in time
  race::Certainty certainty = race::Certainty::likely;
  std::optional<Nanos> margin;  // before the next one
  bool within_error = false;    // the margin is no more than clocks and transmitters may explain: a tie
};

/// A figure about the path between a server and a client's network.
struct Measure {
  Kind kind = Kind::ping;
  Prefix about;  // a host, or a whole prefix
  ServerIndex server = 0;
  double value = 0;     // > 0 and finite, or it is refused and counted
  bool silent = false;  // asked, and no answer: the value is ignored, and worse than any answer
};

}  // namespace flagfall::director
