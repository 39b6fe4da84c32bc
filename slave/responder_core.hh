// The slave as a name server on its own addresses: bytes in, answers out. Answers
// for OwnNames, notices which beacons are asked for, and bounds what a forged
// source can make of it. No socket, no clock; one owner, the responder's thread.
// Nothing on the path of a query allocates.
#pragma once

#include <memory>
#include <optional>

#include "common/base/counters.hh"
#include "common/dns/cookies.hh"
#include "common/dns/front_end.hh"
#include "common/dns/rate_limit.hh"
#include "slave/beacon_book.hh"
#include "slave/beacon_label.hh"
#include "slave/own_names.hh"

namespace flagfall::slave {

/// Written by the responder's thread, read by any.
struct ResponderCounters {
  Counter wins;      // beacons that were asked for first
  Counter repeated;  // asked for again
  Counter late;      // longer ago than counts, or forgotten
  Counter forged;    // a label of the right form that this process did not issue
  Counter limited;   // answers that a client network had too many of: dropped, or cut to TC
  Counter lost;      // wins that could not be handed on

  /// f(name, counter) for each, in the order above.
  template <class F>
  void for_each(F f) const {
    f("beacon_wins", wins);
    f("beacon_repeated", repeated);
    f("beacon_late", late);
    f("beacon_forged", forged);
    f("dns_limited", limited);
    f("beacon_wins_lost", lost);
  }
};

class ResponderCore final : private dns::Synthesis {
 public:
  struct Options {
    dns::FrontEnd::Options dns;
    /// UDP answers a second to one client network without a valid cookie.
    dns::RateLimit::Options limit{.network = {100, 500}};
    wire::SipKey beacon_key{};  // of the labels
    std::size_t beacons = std::size_t{1} << 13;
  };
  /// `random` makes the cookies' secret and a hash's seed; it is only used during the call.
  ResponderCore(const Options& options, Random& random);

  /// Between queries.
  void use(std::shared_ptr<const OwnNames> names);
  /// Before its answer leaves.
  void issued(const IssuedBeacon& beacon) { book_.issued(beacon); }

  struct Now {
    MonoTime mono;
    std::uint32_t unix_seconds = 0;  // for cookies
  };
  /// The answer's length in `room`, 0 for none; `room` as FrontEnd::handle wants it. won(), then, is the win
  /// that came with it.
  std::size_t answer(Bytes packet, const Endpoint& client, dns::Transport transport, const Now& now,
                     MutableBytes room) noexcept;
  [[nodiscard]] const std::optional<BeaconWin>& won() const { return won_; }

  [[nodiscard]] const ResponderCounters& counters() const { return counters_; }
  [[nodiscard]] ResponderCounters& counters() { return counters_; }
  [[nodiscard]] const dns::DnsCounters& dns() const { return front_end_.counters(); }

 private:
  void look(const wire::DnsQuery& query, dns::Lookup& found) noexcept override;
  void asked(const BeaconLabel& label);

  wire::SipKey beacon_key_;
  std::shared_ptr<const OwnNames> names_;
  dns::Cookies cookies_;
  dns::FrontEnd front_end_;
  BeaconBook book_;
  dns::RateLimit limit_;

  // Of the query that is being answered.
  IpAddress client_;
  MonoTime now_;
  wire::DnsQuery query_;
  std::optional<BeaconWin> won_;
  ResponderCounters counters_;
};

}  // namespace flagfall::slave
