// The path of a burst of datagrams of services that have a protocol of their own: who of the slaves gets
// each, all fit ones for one instant or one of them at once. Without sockets; one object a loop; nothing
// allocates between take_over() calls, nothing locks. docs/design/udp-services.md says why it is as it is.
//
//   begin(times); request(...) up to kMostQueries times; finish(now, sink).
//
// The master has no answer of its own. What is not raced goes to one slave, as long as the client's network
// is within its rate; sources may be forged.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/dns/rate_limit.hh"
#include "master/asked_networks.hh"
#include "master/guide.hh"
#include "master/order_book.hh"
#include "master/race_core.hh"
#include "master/race_guard.hh"
#include "master/race_records.hh"
#include "master/start_line.hh"

namespace flagfall::master {

struct UdpRaceOptions {
  unsigned max_slaves = 8;
  RaceOptions::Timestamp timestamp = RaceOptions::Timestamp::receipt;
  GuardOptions guard;
  dns::RateLimit::Options limit;  // of what is not raced
  std::size_t order_size = 1200;
  std::size_t slaves = 0;                  // how many are configured
  std::vector<std::uint16_t> max_request;  // by service
  std::vector<Endpoint> own;               // addresses of this master that answer datagrams
  unsigned loop = 0;                       // ids and sealed datagrams of different loops never meet
  std::uint64_t epoch = 0;                 // random, shared by all loops of one start
};

/// Of one service; written by the loop, read by any thread.
struct UdpCounters {
  Counter requests;
  Counter races;         // of these, ordered from all fit slaves for one instant
  Counter bound;         // ordered from one, as the director says
  Counter alone;         // ordered from one for another reason: a fallback's, or only one is fit
  Counter empty;         // dropped: without an octet
  Counter too_big;       // longer than max_request
  Counter unanswerable;  // from port 0, or an address that no slave reaches (multicast, 240/4, of one link)
  Counter own;           // from an address of our own: forged, and its answer would be the next request
  Counter limited;       // not raced, and above udp.rate
  Counter nobody;        // no slave can answer
  Counter unsent;        // the kernel refused every order

  template <class F>
  void for_each(F f) const {
    f("requests", requests);
    f("races", races);
    f("bound", bound);
    f("alone", alone);
    f("empty", empty);
    f("too_big", too_big);
    f("unanswerable", unanswerable);
    f("own", own);
    f("limited", limited);
    f("nobody", nobody);
    f("unsent", unsent);
  }
};

class UdpRaces {
 public:
  /// `log` outlives the object; null: nobody hears of races.
  UdpRaces(const UdpRaceOptions& options, Random& random, RaceLog* log);

  /// Between bursts; before the first.
  void take_over(std::shared_ptr<const Snapshot> snapshot);

  void begin(const BurstTimes& times) noexcept { times_ = times; }
  /// What a socket has received.
  struct Datagram {
    Bytes octets;
    Endpoint client;
    RealTime stamp{};
    bool truncated = false;
    std::uint16_t service = 0;
    std::uint8_t address = 0;  // index among the service's
  };
  void request(const Datagram& datagram) noexcept;
  /// Sends the burst's orders, stamped with `now`.
  void finish(MonoTime now, OrderSink& sink) noexcept;

  [[nodiscard]] const UdpCounters& counters(std::size_t service) const { return counters_.at(service); }
  /// Why requests were not raced, of all services.
  [[nodiscard]] const FallbackCounters& fallback() const { return fallback_; }
  [[nodiscard]] std::uint64_t races() const;
  [[nodiscard]] const OrderCounters& orders(std::size_t slave) const { return book_.counters(slave); }
  /// Requests that this server of a service got alone; any thread.
  [[nodiscard]] std::uint64_t led(std::size_t service, director::ServerIndex server) const {
    return led_.at(service).at(server).get();
  }

 private:
  struct Ordered {
    std::uint16_t service = 0;
    bool race = false;
    bool bound = false;
    RaceStarted started;
  };
  [[nodiscard]] std::optional<Guide::Way> way_of(const Datagram& datagram) noexcept;
  /// Why it is not raced; nothing when it is.
  std::optional<Fallback> race(const Datagram& datagram) noexcept;
  void alone(const Datagram& datagram, const std::optional<Guide::Way>& way) noexcept;
  [[nodiscard]] const Runner* choose(const RacedService& service, const Datagram& datagram,
                                     const std::optional<Guide::Way>& way) noexcept;
  void note(const LineUp& line_up, const Datagram& datagram, Ordered& out) const noexcept;

  UdpRaceOptions options_;
  OrderBook book_;
  StartLine start_line_;
  RaceGuard guard_;
  dns::RateLimit limit_;
  Guide guide_;
  AskedNetworks asked_;
  SeededRandom lots_;
  RaceLog* log_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<UdpCounters> counters_;                             // by service
  std::vector<std::array<Counter, director::kMostServers>> led_;  // by service and server
  FallbackCounters fallback_;

  BurstTimes times_;
  unsigned ordered_ = 0;  // since begin()
  std::array<Ordered, kMostQueries> orders_{};
};

}  // namespace flagfall::master
