// Races of redirects: whom a request's connection is handed over to, and what the clients' acknowledgements
// say of it. The core, without sockets; one object a loop; nothing allocates between take_over() calls,
// nothing locks. docs/design/tcp-race.md says why it is as it is.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/counters.hh"
#include "common/base/hash.hh"
#include "common/base/random.hh"
#include "common/net/tcp_handoff.hh"
#include "common/wire/tcp_segment.hh"
#include "master/fallback.hh"
#include "master/http_desk.hh"
#include "master/order_book.hh"
#include "master/race_guard.hh"
#include "master/race_records.hh"
#include "master/segment_race.hh"
#include "master/slot_index.hh"
#include "master/start_line.hh"

namespace flagfall::master {

struct HttpRaceOptions {
  unsigned max_slaves = 8;
  GuardOptions guard;   // of clients whose address is certain
  unsigned fronts = 1;  // that share it
  std::size_t order_size = 1200;
  std::size_t slaves = 0;     // how many are configured
  unsigned loop = 0;          // ids and sealed datagrams of different loops never meet
  std::uint64_t epoch = 0;    // random, shared by all loops of one start
  std::size_t most = 8192;    // races that are not over yet
  bool early_octets = false;  // race for clients without timestamps, too
};

/// Written by the loop, read by any thread.
struct HttpRaceCounters {
  Counter races;         // orders have left
  Counter contents;      // of them, those for the servers' content,
  Counter not_contents;  // and those for redirects, although the service's are for content
  FallbackCounters fallback;
  Counter won;       // the acknowledgement named a slave
  Counter unclear;   // it came, and did not
  Counter own_copy;  // the client took the master's
  Counter reset;     // by the client
  Counter unheard;   // no acknowledgement was seen in time, or it came with the next request

  /// Of ended races: f(name, counter).
  template <class F>
  void for_each_end(F f) const {
    f("races_won", won);
    f("races_unclear", unclear);
    f("races_own_copy", own_copy);
    f("races_reset", reset);
    f("races_unheard", unheard);
  }
  /// Of races that were ordered: the same.
  template <class F>
  void for_each_kind(F f) const {
    f("races_for_content", contents);
    f("races_not_for_content", not_contents);
  }
};

/// What a race does to the world.
class HttpRaceOutput : public OrderSink {
 public:
  /// Whether the connection whose request is at hand can be handed over with so many octets,
  virtual net::TcpFit look_at(std::size_t octets) noexcept = 0;
  /// and does it, right after that. What was held in part only is sent by who implements this.
  virtual net::TcpHandoff hand_over(std::string_view answer) noexcept = 0;
  virtual void send_packet(const wire::TcpSegment& segment) noexcept = 0;
  [[nodiscard]] virtual MonoTime now() const noexcept = 0;
};

class HttpRaces {
 public:
  /// `log` outlives the object; null: nobody hears of races.
  HttpRaces(const HttpRaceOptions& options, Random& random, RaceLog* log);
  /// Services with a longer delay are not raced; at first kMostTcpDelay.
  void set_most_delay(Nanos most) { most_delay_ = most; }

  /// Between requests, and not before flush().
  void take_over(std::shared_ptr<const Snapshot> snapshot);

  struct Course {
    Endpoint client;
    Endpoint server;           // whom it asked,
    std::uint8_t address = 0;  // and its index among the service addresses
    MonoTime received;         // when the request came: its delay counts from then
  };
  /// True: the client's answer is under way, by the slaves or in the worst case by the kernel; or in part by
  /// an output that says why.
  bool race(const HttpRaceOffer& offer, const Course& course, HttpRaceOutput& output) noexcept;
  /// Sends the orders; after each round of requests. How many races they are of.
  unsigned flush(HttpRaceOutput& output) noexcept;

  /// Whether a race in this connection is not over: then what is there is looked at before the next.
  [[nodiscard]] bool flies(const Endpoint& client, const Endpoint& server) const {
    return find(client, server).has_value();
  }
  /// A packet of a client that acknowledges or resets; anybody's.
  void look(const wire::TcpView& packet, MonoTime at) noexcept;
  /// Forgets races of which nothing more is expected.
  void advance(MonoTime now) noexcept;
  /// Races that are not over.
  [[nodiscard]] std::size_t in_flight() const { return flying_.size(); }

  [[nodiscard]] const HttpRaceCounters& counters() const { return counters_; }
  [[nodiscard]] const OrderCounters& orders(std::size_t slave) const { return book_.counters(slave); }

 private:
  /// An answer's octets at most: in one packet of 1,280 octets with IPv6.
  static constexpr std::size_t kMostAnswer = 1280 - wire::kMostTcpHeaders;
  struct Answer {
    const HttpLocation* location = nullptr;  // none: nobody's
    std::size_t size = 0;
    std::size_t blanks = 0;  // where they are, or would be
    std::array<std::uint8_t, kMostAnswer> octets{};
  };
  struct Flight {
    std::optional<SegmentRace> race;
    std::uint64_t id = 0;
    std::uint64_t hash = 0;
    MonoTime until;
    std::array<std::uint16_t, kMostRunners> slaves{};
    std::list<std::uint32_t>::iterator self;
  };
  [[nodiscard]] std::uint64_t hash_of(const Endpoint& client) const;
  [[nodiscard]] std::optional<std::uint32_t> find(const Endpoint& client, const Endpoint& server) const;
  void end(std::uint32_t slot) noexcept;
  std::optional<Fallback> line_up(const HttpRaceOffer& offer, const Course& course, MonoTime now,
                                  LineUp& out) noexcept;
  /// All slaves' redirects and the master's own, as short as they are: the longest's octets; 0: too long.
  std::size_t write_answers(const HttpRaceOffer& offer, const LineUp& line_up) noexcept;
  /// One of them, with blanks to this length.
  void pad(const HttpRaceOffer& offer, std::size_t place, std::size_t length) noexcept;
  /// What the slaves' servers are asked; false: redirects are raced.
  bool write_request(const HttpRaceOffer& offer, const IpAddress& client, std::size_t redirect) noexcept;
  void order(const LineUp& line_up, const SegmentRace& race, const Course& course, const HttpRaceOffer& offer,
             bool contents) noexcept;
  [[nodiscard]] std::string_view answer(std::size_t place) const {
    const Answer& a = answers_.at(place);
    return as_text(Bytes(a.octets).first(a.size));
  }

  HttpRaceOptions options_;
  OrderBook book_;
  StartLine start_line_;
  RaceGuard guard_;
  SeededRandom lots_;  // of race_share
  SeededHash hash_;
  RaceLog* log_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::array<Answer, kMostRunners + 1> answers_{};  // the last: the master's
  std::vector<std::uint8_t> request_;               // room for what servers are asked,
  std::size_t request_size_ = 0;                    // and how much of it that is
  std::vector<Flight> flights_;
  std::list<std::uint32_t> flying_;  // slots, the oldest first
  std::list<std::uint32_t> free_;
  SlotIndex by_client_;
  Nanos most_delay_ = kMostTcpDelay;
  unsigned ordered_ = 0;                             // since the last flush
  std::array<std::uint32_t, kMostQueries> slots_{};  // of these races
  std::array<RaceStarted, kMostQueries> started_{};
  HttpRaceCounters counters_;
};

}  // namespace flagfall::master
