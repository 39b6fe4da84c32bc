// The clusters of one service: what is known of each client network, and whom it is bound to. Pure: evidence,
// addresses and times come in, changes go out. One owner thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/counters.hh"
#include "common/base/random.hh"
#include "director/binding.hh"

namespace flagfall::director {

struct BookOptions {
  unsigned coarsest_v4 = 16, finest_v4 = 24;
  unsigned coarsest_v6 = 32, finest_v6 = 56;
  /// Kinds of evidence that bind, most trusted first: the first with an opinion decides.
  std::vector<Kind> kinds{Kind::race};
  unsigned verdicts = 3;                  // agreeing evidence that binds
  double share = 2.0 / 3;                 // and this share of it for one server
  Nanos remember = std::chrono::hours(1); // evidence that is older is forgotten
  Nanos forget = std::chrono::hours(24 * 7);  // a cluster nobody asks for is dropped
  double hysteresis = 0.1;                // another server must be better by this share of its figure
  Nanos least_gain = std::chrono::milliseconds(1);  // and by this, for times
  std::size_t most = 1'000'000;           // clusters; what matters least is evicted
};

struct BookCounters {
  Counter wins, ties, measures, refused, bound, rebound, split, merged, aged, evicted;
  template <class F>
  void for_each(F f) const;
};

/// What a cluster's owner would want to know of one server.
struct Candidate {
  ServerIndex server = 0;
  double won = 0, lost = 0;                // decayed races against others
  std::array<double, kKindNames.size()> value{};  // by Kind: the robust figure; 0: none
  std::array<std::uint16_t, kKindNames.size()> pieces{};
  bool silent = false;
};

class ClusterBook {
 public:
  ClusterBook(BookOptions options, std::size_t servers, Random& random);

  /// A client asked: its cluster is known from now on, and does not age.
  void asked(const IpAddress& client, MonoTime now);
  void win(const Win& win, MonoTime now);
  void measure(const Measure& measure, MonoTime now);
  /// An operator's word: stays until it is taken back, evidence or not.
  void bind(const Prefix& prefix, const Order& order, MonoTime now);
  /// Takes an operator's word back, and forgets what was learned there. False: there was nothing.
  bool unbind(const Prefix& prefix, MonoTime now);
  /// From the store: as good as learned, until evidence says otherwise.
  void restore(const Binding& binding, MonoTime now);
  /// Ages, merges and evicts, a bounded part of the table at each call. About four times a second.
  void advance(MonoTime now);

  /// Since the last call, in order.
  std::vector<Change> take_changes();
  [[nodiscard]] std::size_t size() const;
  /// The most specific cluster that holds the address; false: none.
  bool find(const IpAddress& address, Binding& out) const;
  [[nodiscard]] std::vector<Candidate> candidates(const Prefix& cluster) const;
  void for_each(const std::function<void(const Binding&)>& f) const;
  [[nodiscard]] const BookCounters& counters() const;
};

}  // namespace flagfall::director
