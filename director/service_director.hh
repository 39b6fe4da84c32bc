// One service's director: policies, evidence, health and an operator's word go in, a View for the request
// loops comes out, and for each address an explanation. Pure; one owner thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "director/capacity.hh"
#include "director/choice.hh"
#include "director/cluster_book.hh"
#include "director/load_policies.hh"
#include "director/path_book.hh"
#include "director/policy.hh"
#include "director/prefix_order.hh"
#include "director/prefix_table.hh"
#include "director/relief.hh"
#include "director/server_alarm.hh"
#include "director/view.hh"

namespace flagfall::director {

struct ServiceOptions {
  std::vector<Policy> policies{Policy::race};
  std::vector<Capacity> capacities;  // by server; those at the end that are missing have none
  LoadOptions load;
  ShedOptions shed;
  PathOptions paths;                       // of policy composite; without a border it has no opinion
  BookOptions book;                        // its kinds follow from the policies
  double sample = 0.01;                    // share of bound requests that is raced again,
  double alarm_sample = 0.3;               // and of those bound to a server that has become worse for many
  Nanos doubt = std::chrono::seconds(10);  // so long a contradicted binding is raced as if unknown
};

/// One policy's word on an address.
struct PolicyWord {
  Policy policy = Policy::race;
  Order order;      // empty: no opinion
  std::string why;  // in words
};

struct Explanation {
  Decision decision;
  bool known = false;  // a cluster of the book holds the address
  Binding cluster;
  std::vector<Candidate> candidates;
  std::vector<PolicyWord> words;
  std::vector<PathBook::Candidate> paths;  // best first
  std::optional<Move> shed;                // its group is away from a server that is over its capacity
};

class ServiceDirector {
 public:
  /// `servers`: how many, 1..kMostServers.
  ServiceDirector(ServiceOptions options, std::size_t servers, Random& random);

  // Evidence
  void asked(const IpAddress& client, std::uint32_t queries, MonoTime now);
  void win(const Win& win, MonoTime now);
  void measure(const Measure& measure, MonoTime now) { book_.measure(measure, now); }
  /// A ping of a client through a border; its server is ignored.
  void ping_through(BorderIndex border, const Measure& measure, MonoTime now);

  // What is configured and loaded: replaces what was there.
  /// Policies, capacities, and what evidence binds. Nothing that is bound is forgotten; sizes of tables stay.
  void reconfigure(ServiceOptions options);
  void set_fixed(const PrefixOrders& entries);  // empty: there is no such file
  void set_geo(const PrefixOrders& entries);

  // What is now
  void set_fit(ServerMask fit);
  /// What a server reports of itself.
  void load(ServerIndex server, const ServerLoad& load);
  /// Requests a second that were sent there lately.
  void served(ServerIndex server, double requests);

  // An operator's word, and the store's
  /// False: there is no room for it (ClusterBook).
  bool bind(const Prefix& prefix, ServerIndex server, MonoTime now);
  bool unbind(const Prefix& prefix, MonoTime now);
  bool forget(const Prefix& prefix, bool by_hand, MonoTime now) { return book_.forget(prefix, by_hand, now); }
  bool restore(const Binding& binding, MonoTime now) { return book_.restore(binding, now); }

  /// About four times a second. True: view() is another one now.
  bool advance(MonoTime now);
  [[nodiscard]] std::shared_ptr<const View> view() const { return view_; }
  /// What the book has changed since the last call, for the store.
  std::vector<Change> take_changes();

  [[nodiscard]] Explanation explain(const IpAddress& address) const;
  [[nodiscard]] const ClusterBook& book() const { return book_; }
  /// Of policy composite; null: not among the policies.
  [[nodiscard]] const PathBook* paths() const { return paths_.get(); }
  [[nodiscard]] const Shedder& shedder() const { return relief_.shedder(); }
  /// Servers that have become worse for many networks at once: theirs are raced more often.
  [[nodiscard]] ServerMask alarmed() const { return alarm_.raised(); }
  [[nodiscard]] std::size_t servers() const { return servers_; }
  [[nodiscard]] const ServiceOptions& options() const { return options_; }

 private:
  [[nodiscard]] bool has(Policy policy) const;
  /// The value of an entry in the tables; not 0. It lasts until the next publish() unless a table has it
  /// then.
  std::uint32_t value_of(const Entry& entry);
  void set(PrefixTableEditor& table, const Prefix& prefix, std::uint32_t value);
  void erase(PrefixTableEditor& table, const Prefix& prefix);
  void release(std::uint32_t value);
  /// Makes room of entries that no table has any more.
  void reclaim();
  /// A table of a file, and the values that it has.
  struct Filled {
    std::shared_ptr<const PrefixTable> table;
    std::vector<std::uint32_t> values;
  };
  void fill(Filled& out, const PrefixOrders& entries);
  /// What those policies say that look at the servers alone, of the list's first that says something.
  [[nodiscard]] std::pair<Choice, Policy> choose(MonoTime now);
  void apply(const Change& change);
  /// A client's group, as policies have it when nobody is over; which of them decides.
  struct Home {
    Policy policy = Policy::race;
    ClientGroup group;
    OrderBorders border{};
  };
  [[nodiscard]] std::optional<Home> home_of(const IpAddress& client) const;
  void relieve(MonoTime now);
  /// Writes into the tables where this group is answered from now.
  void place(const Prefix& prefix, Policy policy);
  /// An order of this policy for this group, with the server that it has been moved to in front.
  [[nodiscard]] Order moved(const Prefix& prefix, const Order& order, Policy policy) const;
  void put_way(const PathWord& word);
  [[nodiscard]] std::vector<CompositeServer> spare(MonoTime now) const;
  void follow_paths(MonoTime now);
  void put(const Binding& binding);
  void publish();

  ServiceOptions options_;
  std::size_t servers_;
  ClusterBook book_;
  std::unique_ptr<PathBook> paths_;
  ReliefDesk relief_;
  std::map<Prefix, Policy> away_by_;  // groups that are away: the policy whose order does not hold
  std::vector<double> requests_;      // a second, by server
  PrefixTableEditor bindings_;
  PrefixTableEditor by_hand_;  // of them, an operator's: they come before all policies
  PrefixTableEditor moved_;    // groups that are away, of policies without a table to say it in
  std::shared_ptr<const PrefixTable> moved_table_;
  PrefixTableEditor ways_;  // what policy composite says
  std::shared_ptr<const PrefixTable> bindings_table_;
  std::shared_ptr<const PrefixTable> ways_table_;
  Filled fixed_;
  Filled geo_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> uses_;      // of each, by prefixes in the tables
  std::vector<std::uint32_t> released_;  // values that tables have given up since the last publish()
  std::vector<std::uint32_t> free_;      // values that stand for nothing
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> values_;  // by a hash of the order
  struct Doubt {
    MonoTime until;
    ServerMask by = 0;           // who won instead, and has not lost since
    ServerIndex challenger = 0;  // the one of them that the next races are to be with
  };
  std::map<Prefix, Doubt> doubted_;
  ServerAlarm alarm_;
  std::vector<Change> changes_;
  std::shared_ptr<const std::vector<Entry>> published_entries_;
  std::shared_ptr<const View> view_;
  ServerMask fit_ = 0;
  std::vector<std::optional<ServerLoad>> loads_;
  Choice otherwise_;
  Policy otherwise_by_ = Policy::race;
  SeededRandom lots_;
  MonoTime chosen_;  // when otherwise_ was looked at
  View::Weights spare_{};
  bool bindings_changed_ = true;
  bool ways_changed_ = false;
  bool moved_changed_ = false;
  bool entries_changed_ = true;
  bool changed_ = true;
};

}  // namespace flagfall::director
