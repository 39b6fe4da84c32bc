// The clusters of one service: what is known of each client network, and whom it is bound to. Pure: evidence,
// addresses and times come in, changes go out. One owner thread. Which evidence binds, splits and merges:
// docs/design/director-clusters.md.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "common/base/random.hh"
#include "director/binding.hh"
#include "director/book_options.hh"
#include "director/candidate.hh"
#include "director/cluster_tree.hh"
#include "director/judge.hh"

namespace flagfall::director {

class ClusterBook {
 public:
  /// `servers`: 1 to kMostServers.
  ClusterBook(BookOptions options, std::size_t servers, Random& random);
  ClusterBook(const ClusterBook&) = delete;
  ClusterBook& operator=(const ClusterBook&) = delete;
  ~ClusterBook() = default;

  /// A client asked: its cluster is known from now on, and does not age.
  void asked(const IpAddress& client, MonoTime now);
  /// Evidence about an address in no cluster makes one. What cannot be is refused and counted: servers that
  /// there are not, a winner among the losers, figures that are no measurement, a time before the last.
  void win(const Win& win, MonoTime now);
  void measure(const Measure& measure, MonoTime now);
  /// An operator's word, of any length: stays until it is taken back, evidence or not. What was learned of
  /// parts of the prefix is dropped; an operator's word about a part stays. False: that cannot be, or the
  /// table is full of such words.
  bool bind(const Prefix& prefix, const Order& order, MonoTime now);
  /// Takes an operator's word back, and forgets what was learned there and of its parts. False: there was
  /// nothing.
  bool unbind(const Prefix& prefix, MonoTime now);
  /// From the store: another master has forgotten what was learned at exactly this prefix, or an operator's
  /// word about it was taken back. The one does not take the other away. False: there is none.
  bool forget(const Prefix& prefix, bool by_hand, MonoTime now);
  /// From the store, which knows what is newer: as good as learned, until evidence says otherwise; an
  /// operator's word stays one. False: what an operator has said here comes before it, or there is no room.
  bool restore(const Binding& binding, MonoTime now);
  /// Ages, merges and looks again at a bounded part of the table at each call. Called four times a second, it
  /// has seen 60,000 clusters in a minute, and a million in a quarter of an hour.
  void advance(MonoTime now);

  /// Other rules for what binds from now on; which lengths there are and how many clusters stays.
  void reconfigure(BookOptions options);

  /// Since the last call, in order. A cluster that is learning is no news, unless it may lie in a bound one:
  /// then it is told with an empty order, and hides the one around it.
  std::vector<Change> take_changes();
  [[nodiscard]] std::size_t size() const { return tree_.size(); }
  /// The most specific cluster that holds the address; false: none.
  bool find(const IpAddress& address, Binding& out) const;
  /// The cluster of exactly this prefix; false: there is none.
  bool at(const Prefix& prefix, Binding& out) const;
  [[nodiscard]] bool has(const Prefix& prefix) const;
  /// An operator's word is about it, or about a network around it: what is learned there is not taken.
  [[nodiscard]] bool within_word(const Prefix& prefix) const;
  /// Every server, in the order of the cluster that holds the prefix; empty: there is none.
  [[nodiscard]] std::vector<Candidate> candidates(const Prefix& prefix) const;
  /// The last evidence in the cluster that holds the prefix, newest first: `most` pieces.
  [[nodiscard]] std::vector<RecentEvidence> recent(const Prefix& prefix, std::size_t most = 20) const;
  /// Servers that have neither a figure nor a silence there yet, of the kind that lacks fewest: whom a caller
  /// without races deals its clients to. None when no kind of figure binds.
  [[nodiscard]] ServerMask wanted(const Prefix& prefix) const;
  /// All clusters, also those that are learning. `f` must not change the book.
  void for_each(const std::function<void(const Binding&)>& f) const;
  [[nodiscard]] const BookCounters& counters() const { return counters_; }

 private:
  [[nodiscard]] bool enter(MonoTime now);
  [[nodiscard]] Recency recency() const;
  [[nodiscard]] Tick tick(MonoTime t) const;
  [[nodiscard]] unsigned coarsest(Family family) const;
  [[nodiscard]] bool sane(const Win& win) const;
  [[nodiscard]] bool sane(const Measure& measure) const;
  [[nodiscard]] bool sane(const Prefix& prefix, const Order& order) const;
  [[nodiscard]] const Cluster* holding(const Prefix& prefix) const;

  // Places in the table.
  [[nodiscard]] Cluster* around_or_new(const IpAddress& address, unsigned longest);
  [[nodiscard]] Cluster* make(const Prefix& prefix, const Cluster* keep);
  [[nodiscard]] bool make_room(const Cluster* keep, std::size_t places = 1);
  void drop(Cluster& cluster);
  std::size_t drop_inside(const Prefix& prefix, bool bound_ones = true);
  void seen(Cluster& cluster);

  // What findings lead to.
  void apply(Cluster& cluster, const Finding& finding, const Piece* newest);
  void set(Cluster& cluster, const Order& order, const Reason& reason);
  void tell(Cluster& cluster);
  void review(const Prefix& prefix);
  void split(Cluster& cluster, const Finding& finding, const Piece& newest);
  void halve(Cluster& cluster);
  void settle(const Prefix& prefix);
  bool fold(Cluster& cluster);
  [[nodiscard]] Cluster* merge(Cluster& cluster);
  static void move_evidence(Cluster& from, Cluster& into);
  static void forget_old(Cluster& cluster, const Recency& recency);
  void look_again(Cluster& cluster);

  BookOptions options_;
  std::size_t servers_;
  Judge judge_;
  ClusterTree tree_;
  BookCounters counters_;
  std::vector<Change> changes_;
  std::optional<MonoTime> start_;
  MonoTime now_;
  std::size_t walk_ = 0;
};

}  // namespace flagfall::director
