// A server that is over its capacity gives whole client groups to their next best servers: those that lose
// least by it first, as many as are needed and no more. They come home slowly, and only while it is well
// under. Pure: each period it is fed what is in use and who asks how much, and returns who moves. One owner
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "common/base/counters.hh"
#include "common/base/time.hh"
#include "director/prefix_order.hh"

namespace flagfall::director {

struct ShedOptions {
  double fill = 0.9;   // nobody is moved to a server beyond this share of its capacity
  double calm = 0.75;  // below it, a server takes its groups back
  /// Between two sheddings of a server, and between two times that groups come home: what moved must be seen
  /// in the next reports. Clients stay for a TTL.
  Nanos settle = std::chrono::seconds(10);
  Nanos rest = std::chrono::seconds(30);  // so long a server must have been calm
  double back = 0.05;          // of a server's requests, that come home at once; one group at least
  std::size_t most = 100'000;  // groups that are away; beyond them nobody is moved
};

/// One server in this period.
struct ServerUse {
  std::optional<double> use;  // director::in_use(): 1 is full
  bool limited = false;       // has a capacity; without a figure it then neither gives nor takes
  double requests = 0;        // a second, from everybody
};

/// One group of clients, that is, a cluster.
struct ClientGroup {
  Prefix prefix;
  Order order;
  /// How long an answer takes by each server of the order, in seconds; 0: not known.
  std::array<double, Order::kMost> cost{};
  double requests = 0;  // a second
};

struct Move {
  Prefix prefix;
  ServerIndex from = 0;
  ServerIndex to = 0;
  bool operator==(const Move&) const = default;
};

struct Relief {
  std::vector<Move> moves;    // away from `from`, to `to`
  std::vector<Move> returns;  // home: the group's order holds again; `to` is its first fit server
};

struct ShedCounters {
  Counter moved, returned, stuck;  // stuck: servers in a period that stayed over, because nobody had room
  template <class F>
  void for_each(F f) const {
    f("moved", moved);
    f("returned", returned);
    f("stuck", stuck);
  }
};

class Shedder {
 public:
  explicit Shedder(const ShedOptions& options) : options_(options) {}

  /// Every few seconds. `servers`: by index, 64 at most; `groups`: each prefix once, those that ask at all
  /// and have an order. Groups that are away and not among them count as silent.
  Relief advance(std::span<const ServerUse> servers, ServerMask fit, std::span<const ClientGroup> groups,
                 MonoTime now);
  /// The cluster is gone, or bound anew by hand: nothing is said about it any more.
  void forget(const Prefix& prefix) { away_.erase(prefix); }

  /// Groups that are away, and where.
  [[nodiscard]] const std::map<Prefix, Move>& away() const { return away_; }
  [[nodiscard]] const ShedCounters& counters() const { return counters_; }

 private:
  struct Server {
    ServerUse now;
    double projected = 0;  // use, with what this period has moved
    double unit = 0;       // use of one request a second
    bool learned = false;  // `unit` is from when it was busy
    std::optional<MonoTime> shed;
    std::optional<MonoTime> took_back;
    std::optional<MonoTime> calm_since;
  };
  struct Candidate {
    const ClientGroup* group = nullptr;
    ServerIndex to = 0;
    bool guessed = false;  // a cost is unknown: behind those whose loss is known
    double loss = 0;       // seconds a request; places in the order when guessed
  };

  void look(std::span<const ServerUse> servers, MonoTime now);
  void check_away(ServerMask fit, std::span<const ClientGroup> groups, Relief& out);
  void shed(ServerIndex server, ServerMask fit, std::span<const ClientGroup> groups, MonoTime now,
            Relief& out);
  void take_back(ServerIndex server, MonoTime now, Relief& out);

  [[nodiscard]] ServerMask serving(const ClientGroup& group, ServerMask fit) const;
  [[nodiscard]] bool has_room(ServerIndex server, double requests) const;
  [[nodiscard]] bool best_target(const ClientGroup& group, ServerIndex from, ServerMask fit,
                                 Candidate& out) const;
  void shift(ServerMask from, ServerIndex to, double requests);

  ShedOptions options_;
  std::vector<Server> servers_;
  std::map<Prefix, Move> away_;
  std::map<Prefix, const ClientGroup*> present_;  // of those that are away, in this period
  ShedCounters counters_;
};

}  // namespace flagfall::director
