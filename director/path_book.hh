// What pings through the borders say of each client network, and so by policy "composite": which servers are
// equally near, and by which border each shall answer. It keeps the pings in a cluster book whose "servers"
// are the borders; what it says follows every new ping and every new load, not only changes of that book's
// bindings. Pure; one owner thread.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "director/borders.hh"
#include "director/cluster_book.hh"
#include "director/composite.hh"

namespace flagfall::director {

/// A server as a candidate: where it is, and which borders there is an address of it for.
struct PathServer {
  SiteIndex site = 0;
  std::vector<BorderIndex> borders;
};

struct PathOptions {
  Network network{{}, {}};
  SiteIndex contact = 0;
  PingSource source = PingSource::own;
  double fuzz = 0.05;
  std::vector<PathServer> servers;
};

/// A server of an order, and its border.
using OrderBorders = std::array<BorderIndex, Order::kMost>;

/// What one client network's requests deserve now.
struct PathWord {
  Prefix prefix;
  Order order;            // empty: nobody has a path to it
  OrderBorders border{};  // by place in the order
  bool gone = false;      // nothing is said of this prefix any more
};

class PathBook {
 public:
  /// `book`: its kinds are overruled. At least one border and one server.
  PathBook(PathOptions options, BookOptions book, Random& random);

  void asked(const IpAddress& client, MonoTime now) { book_.asked(client, now); }
  /// A ping of a client through a border: the round trip in seconds, or silence.
  void ping(BorderIndex border, Measure measure, MonoTime now);
  /// Who may answer, and what each has to spare; by server. Sites are those of the options.
  void set(ServerMask fit, std::vector<CompositeServer> servers);
  /// What has changed since the last call: all that new pings are about, and a bounded part of what loads
  /// have touched.
  std::vector<PathWord> advance(MonoTime now);

  /// The network that holds the address; false: none with pings.
  bool find(const IpAddress& address, Prefix& out) const;
  /// What was said last of exactly this network; null: nothing.
  [[nodiscard]] const PathWord* said(const Prefix& prefix) const;
  struct Candidate {
    ServerIndex server = 0;
    BorderIndex border = 0;
    double metric = 0;  // seconds
  };
  /// Every server by every border of its that there is a path through, best first.
  [[nodiscard]] std::vector<Candidate> candidates(const Prefix& prefix) const;
  [[nodiscard]] const ClusterBook& book() const { return book_; }
  [[nodiscard]] const PathOptions& options() const { return options_; }

 private:
  [[nodiscard]] PathWord word(const Prefix& prefix) const;
  void consider(const Prefix& prefix, std::vector<PathWord>& out);

  PathOptions options_;
  ClusterBook book_;
  ServerMask fit_ = 0;
  std::vector<CompositeServer> servers_;
  std::map<Prefix, PathWord> said_;
  std::set<Prefix> fresh_;    // with new pings
  std::optional<Prefix> at_;  // where the walk stands; none: at the beginning
  std::size_t left_ = 0;      // of the walk, since loads have changed
};

}  // namespace flagfall::director
