// The path of a burst of queries, without sockets: bytes, addresses and times
// go in; answers and order datagrams come out. The request loops, the tests and
// the simulator run exactly this class. One object a loop; nothing allocates
// between take_over() calls, nothing locks.
//
//   begin(times); prepare(...) for each client; query(...) up to kMostQueries times; finish(now, output).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "common/base/histogram.hh"
#include "common/dns/front_end.hh"
#include "common/dns/rate_limit.hh"
#include "common/net/udp_errors.hh"
#include "master/asked_networks.hh"
#include "master/guide.hh"
#include "master/held_queries.hh"
#include "master/order_book.hh"
#include "master/race_core.hh"
#include "master/race_records.hh"
#include "master/raced_lately.hh"
#include "master/snapshot.hh"
#include "master/unique_watch.hh"

namespace flagfall::master {

/// Written by the loop, read by any thread.
struct RequestCounters {
  Counter races;
  Counter shadow_races;  // ordered, and answered by the master
  Counter beacon_races;  // of `races`, those with beacons
  Counter bound;         // answered by what the director knows
  Counter raced_again;   // of `races`, those of clients that are bound
  Counter held;          // queries that waited for what was measured of their clients,
  Counter held_in_vain;  // of these, until their time was over
  Counter held_not;      // should have, and there was no room
  FallbackCounters fallback;
  Counter limited;              // answers that a client network had too many of: dropped, or cut to TC
  Counter slipped;              // of these, the ones that were cut
  Counter truncated_datagrams;  // larger than any query: dropped
  Histogram queue_age;          // dequeue minus the kernel's stamp
  Counter errors_elsewhere;     // ICMP errors that are no word of the client's host about its port
  Counter errors_unreadable;    // of the others: what they quote is no answer of a race

  /// What became of queries, as counters beside the front end's: f(name, counter).
  template <class F>
  void for_each_dns(F f) const {
    f("dns_limited", limited);
    f("dns_slipped", slipped);
    f("dns_held", held);
    f("dns_held_in_vain", held_in_vain);
    f("dns_held_not", held_not);
  }
};

/// Where answers and orders go.
class RequestOutput : public OrderSink {
 public:
  /// Room for one answer, of the front end's largest UDP answer at least.
  virtual MutableBytes answer_room() = 0;
  /// The first `length` octets of answer_room() go to `to`.
  virtual void send_answer(std::size_t length, const Endpoint& to) = 0;
};

struct RequestOptions {
  RaceOptions race;  // most_request is filled in from order_size
  dns::RateLimit::Options limit;
  std::size_t order_size = 1200;
  std::size_t slaves = 0;  // how many are configured
  std::size_t services = 0;
  unsigned loop = 0;
  unsigned loops = 1;
  GuideOptions guide;
  std::string unique_names{};  // UniqueWatch
  std::uint64_t epoch = 0;     // random, shared by all loops of one start
};

class RequestCore {
 public:
  /// `front_end` and `log` outlive the core. `log` hears of races; null: nobody does.
  RequestCore(const RequestOptions& options, dns::FrontEnd& front_end, Random& random,
              RaceLog* log = nullptr);

  /// Between bursts; before the first.
  void take_over(std::shared_ptr<const Snapshot> snapshot);

  void begin(const BurstTimes& times) noexcept;
  /// May be called for the clients of the burst before the first query: what is known of them then comes from
  /// memory for all of them at once.
  void prepare(const IpAddress& client) const noexcept;
  /// One UDP query; `packet` stays as it is until finish(). `address`: index of the address it was sent to.
  void query(Bytes packet, const Endpoint& client, RealTime stamp, std::uint8_t address,
             RequestOutput& output) noexcept;
  /// Sends the burst's orders, stamped with `now`, and answers what could not be ordered.
  void finish(MonoTime now, RequestOutput& output) noexcept;

  /// Answers the queries to service address `address` that have waited for the snapshot as it is now, or for
  /// long enough. After take_over(), and every few milliseconds while there are some; not within a burst.
  void release(std::uint8_t address, const BurstTimes& times, RequestOutput& output) noexcept;
  [[nodiscard]] bool holds() const { return held_.size() > 0; }

  /// An ICMP error that came to service address `address`. Any time between bursts or within one.
  void error(const net::UdpError& error, std::uint8_t address, MonoTime at) noexcept;

  /// Before finish().
  [[nodiscard]] bool burst_has_races() const { return raced_ != 0; }
  /// Of the last burst.
  [[nodiscard]] unsigned burst_queries() const { return queries_; }
  /// Those whose clients wait for their instant.
  [[nodiscard]] unsigned burst_races() const { return burst_races_; }

  /// One query over TCP: never raced. Returns the answer's length in `room`, 0 for none. Not within a burst.
  std::size_t stream_query(Bytes packet, const Endpoint& client, const BurstTimes& times,
                           MutableBytes room) noexcept;

  [[nodiscard]] const RequestCounters& counters() const { return counters_; }
  [[nodiscard]] RequestCounters& counters() { return counters_; }
  /// Ordinary answers that this server of a service led; any thread.
  [[nodiscard]] std::uint64_t led(std::size_t service, director::ServerIndex server) const {
    return led_.at(service).at(server).get();
  }
  [[nodiscard]] const OrderCounters& orders(std::size_t slave) const { return book_.counters(slave); }
  /// Owner thread.
  [[nodiscard]] RaceCore& race() { return race_; }

 private:
  struct Raced {  // what is needed to answer after all when no order could be sent
    Bytes packet;
    Endpoint client;
    dns::FrontEnd::Result result;
    RaceStarted started;
  };
  void race_or_answer(const wire::DnsQuery& query, const dns::FrontEnd::Result& result, RaceQuestion question,
                      const Endpoint& client, RequestOutput& output) noexcept;
  void order(const RacePlan& plan, const Raced& raced, std::uint8_t address) noexcept;
  void note(const RacePlan& plan, const RaceQuestion& question, std::uint16_t dns_id, Raced& raced) noexcept;
  /// Its race, if it had one a moment ago, cannot be judged: its client is answered by us.
  void note_repetition(const wire::DnsQuery& query, const dns::FrontEnd::Result& result,
                       const IpAddress& client) noexcept;
  void log_started(std::uint64_t races, MonoTime now) noexcept;
  void answer(const wire::DnsQuery& query, const dns::FrontEnd::Result& result,
              const std::optional<Guide::Way>& way, const Endpoint& client, RequestOutput& output) noexcept;
  void send(const wire::DnsQuery& query, const dns::FrontEnd::Result& result, std::size_t length,
            const Endpoint& client, RequestOutput& output) noexcept;
  /// The ordinary answer: the director's, where it has one; otherwise the zone's.
  std::size_t ordinary(const wire::DnsQuery& query, const dns::FrontEnd::Result& result,
                       const std::optional<Guide::Way>& way, dns::Transport transport,
                       MutableBytes room) noexcept;
  /// None: the service has no director. Who shall wait has been told of, so that it is not for nothing.
  [[nodiscard]] std::optional<Guide::Way> way_of(std::uint16_t service, const wire::DnsQuery& query,
                                                 const IpAddress& client) noexcept;

  dns::FrontEnd& front_end_;
  OrderBook book_;
  RaceCore race_;
  dns::RateLimit limit_;
  QuestionHash question_hash_;
  Guide guide_;
  AskedNetworks asked_;
  UniqueWatch unique_;
  HeldQueries held_;
  std::vector<std::array<Counter, director::kMostServers>> led_;  // by service and server
  RaceLog* log_;
  RacedLately raced_lately_;
  std::shared_ptr<const Snapshot> snapshot_;
  RequestCounters counters_;

  BurstTimes times_;
  std::uint16_t likely_ = 0;  // the service of the last query that had one
  unsigned queries_ = 0;
  unsigned burst_races_ = 0;
  std::uint64_t raced_ = 0;   // bit i: query i of this burst is a race
  std::uint64_t shadow_ = 0;  // of these, the ones that are answered already
  std::array<Raced, kMostQueries> races_{};
};

}  // namespace flagfall::master
