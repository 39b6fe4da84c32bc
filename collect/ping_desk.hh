// Decides about pings: which address is asked when, what a reply is worth, what
// is remembered, what is said to whom. Fed orders, replies and the time; gives
// echoes to send and results to report. No sockets, no clock; the shell is
// pinger.cc. Only addresses that an order names are ever asked. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "common/base/random.hh"
#include "common/base/token_bucket.hh"
#include "common/wire/evidence.hh"

namespace flagfall::collect {

struct PingOptions {
  double rate = 100;  // echoes a second, tries included
  double burst = 100;
  std::size_t at_once = 64;                 // echoes under way
  unsigned tries = 2;                       // then the address is silent
  Nanos timeout = std::chrono::seconds(1);  // of a try
  Nanos keep = std::chrono::seconds(60);    // a result answers later orders for so long
  std::size_t queue = 4096;                 // addresses that wait or are under way; more are refused
  std::size_t memory = 16384;               // results that are kept; the oldest go first
};

struct PingCounters {
  std::uint64_t ordered = 0;  // addresses in orders
  std::uint64_t refused = 0;  // of them: no room, or no host's address
  std::uint64_t cached = 0;   // of them: answered from memory
  std::uint64_t echoes = 0;   // sent
  std::uint64_t unsent = 0;   // the kernel refused
  std::uint64_t replies = 0;  // that count
  std::uint64_t late = 0;     // after the try's time-out
  std::uint64_t forged = 0;   // ours by its number, with a wrong token or from a wrong address
  std::uint64_t silent = 0;   // addresses that answered no try

  /// f(name, value) for each.
  template <class F>
  void for_each(F f) const {
    f("pings_ordered", ordered);
    f("pings_refused", refused);
    f("pings_cached", cached);
    f("ping_echoes", echoes);
    f("ping_unsent", unsent);
    f("ping_replies", replies);
    f("ping_late", late);
    f("ping_forged", forged);
    f("pings_silent", silent);
  }
};

class PingDesk {
 public:
  /// One to send: the reply must bring back `token`, which nobody on another path can know.
  struct Echo {
    IpAddress to;
    std::uint16_t sequence = 0;
    std::uint64_t token = 0;
  };
  struct Result {
    std::size_t asker = 0;
    wire::PingResult ping;
  };

  /// `random` outlives the desk; it draws tokens.
  PingDesk(const PingOptions& options, Random& random);

  /// `asker` has its results by and by in take_results().
  void order(std::size_t asker, const wire::PingOrder& order, MonoTime now);
  /// Its session is over: nothing more is said to it.
  void forget(std::size_t asker);
  /// What to send now. Each is followed by sent() or failed().
  std::vector<Echo> take_echoes(MonoTime now);
  /// The echo left at `at`.
  void sent(std::uint16_t sequence, MonoTime at);
  /// The kernel refused to send it: no route, say. The address is given up.
  void failed(std::uint16_t sequence, MonoTime now);
  /// An echo reply that was received at `at`.
  void reply(const IpAddress& from, std::uint16_t sequence, std::uint64_t token, MonoTime at, MonoTime now);
  /// Time-outs, of tries and of orders.
  void tick(MonoTime now);
  /// When take_echoes() or tick() has something to do; MonoTime::max() when never.
  [[nodiscard]] MonoTime next_deadline(MonoTime now) const;
  std::vector<Result> take_results() { return std::exchange(results_, {}); }
  [[nodiscard]] const PingCounters& counters() const { return counters_; }
  /// Addresses that wait or are under way, and results in memory.
  [[nodiscard]] std::size_t busy() const { return busy_; }
  [[nodiscard]] std::size_t remembered() const { return kept_.size(); }

 private:
  using Fate = wire::PingResult::Fate;
  struct Waiter {
    std::size_t asker;
    MonoTime until;
  };
  struct Target {
    enum class Stage : std::uint8_t { queued, asked, known } stage = Stage::queued;
    unsigned tries = 0;
    std::vector<Waiter> waiters;
    Fate fate = Fate::silent;  // when known
    Nanos round_trip{};
    MonoTime measured;
  };
  using Targets = std::map<IpAddress, Target>;
  struct Slot {
    bool used = false;  // an echo is under way
    IpAddress to;
    std::uint64_t token = 0;  // kept when the time is over, to tell late from forged
    MonoTime sent = MonoTime::max();
    MonoTime until;
  };

  void conclude(Targets::iterator target, Fate fate, Nanos round_trip, MonoTime now);
  void tell(std::size_t asker, const IpAddress& address, Fate fate, Nanos round_trip, Nanos age);
  void retry_or_give_up(const IpAddress& address, MonoTime now);
  void free_slot(Slot& slot);
  void forget_old(MonoTime now);

  PingOptions options_;
  Random& random_;
  TokenBucket bucket_;
  MonoTime bucket_full_at_;
  Targets targets_;
  std::deque<IpAddress> queue_;                                       // to be asked, in order
  std::deque<std::pair<MonoTime, IpAddress>> kept_;                   // known, oldest first
  std::multimap<MonoTime, std::pair<std::size_t, IpAddress>> waits_;  // orders' ends
  std::vector<Slot> slots_;
  std::size_t under_way_ = 0;
  std::size_t next_slot_ = 0;
  std::size_t busy_ = 0;
  std::vector<Result> results_;
  PingCounters counters_;
};

}  // namespace flagfall::collect
