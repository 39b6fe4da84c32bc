// What a request loop asks of a service: race, or answer with which servers? An immutable value that the
// control thread makes and any number of loops read; only the tables are shared with other views.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/random.hh"
#include "director/order.hh"
#include "director/prefix_table.hh"

namespace flagfall::director {

/// By place in an order: by which border the server there shall answer, counted from 1; 0: it does not
/// matter.
using Ways = std::array<std::uint8_t, Order::kMost>;

/// What a table's value stands for: value v means View::entries[v - 1].
struct Entry {
  Order order;         // empty: nothing is known yet
  bool doubt = false;  // what is known is in question: race again, as for an unknown network
  Ways ways{};
  bool operator==(const Entry&) const = default;
};

struct Decision {
  Order order;              // whom the policies prefer; empty: nobody over another
  bool race = false;        // to be raced, when it can be
  bool of_network = false;  // a table has the client's network; otherwise everybody is told the same
  bool bound = false;       // the cluster book's word: evidence, or an operator's
  bool spare = false;       // its group is drawn by what each has to spare
  bool measured = true;     // false: policies that measure come before this word, and know nothing yet
  std::uint8_t scope = 0;   // the prefix length that this is true for (RFC 7871 §7.2.1)
  Ways ways{};
};

struct View {
  static constexpr std::size_t kMostTables = 6;
  using Weights = std::array<std::uint32_t, kMostServers>;
  /// In the order of the policies: the first with servers for an address decides.
  std::array<std::shared_ptr<const PrefixTable>, kMostTables> tables;
  /// Which of them is the cluster book's; kMostTables: none.
  std::size_t book = kMostTables;
  /// And which policy composite's.
  std::size_t paths = kMostTables;
  std::shared_ptr<const std::vector<Entry>> entries;
  bool races = false;      // networks that are not bound are raced
  double sample = 0;       // share of bound requests that is raced again,
  ServerMask alarmed = 0;  // and of those bound to one of these
  double alarm_sample = 0;
  /// Who may answer: not drained, not down. None: everybody is as good as anybody.
  ServerMask fit = 0;
  /// For addresses in no table; empty: nobody is preferred.
  Order otherwise;
  /// How often each is drawn from a group, or when none is preferred; all zero: equally often.
  Weights weights{};
  /// The same, from a group of policy composite.
  Weights spare{};

  /// No allocation, no lock.
  [[nodiscard]] Decision decide(const IpAddress& client) const noexcept;
  /// Share of the requests bound to this server that is raced again.
  [[nodiscard]] double sample_of(ServerIndex server) const noexcept {
    return (alarmed & bit(server)) != 0 ? alarm_sample : sample;
  }
  /// Asks for the memory that decide() will read, and does not wait for it: for the clients of a burst.
  void prepare(const IpAddress& client) const noexcept {
    for (std::size_t t = 0; t < kMostTables && tables.at(t); ++t) tables.at(t)->prepare(client);
  }
  /// One of `among` by its weight; none when there is none.
  [[nodiscard]] static std::optional<ServerIndex> draw(ServerMask among, const Weights& weights,
                                                       SeededRandom& lots) noexcept;
  /// The servers to answer with, best first, at most `most`, all of them in `able`: the preferred ones, who
  /// leads drawn from the group, by what they have to spare or by their weights; then others by lot.
  [[nodiscard]] Order line_up(const Order& preferred, ServerMask able, unsigned most, SeededRandom& lots,
                              bool by_spare = false) const noexcept;
};

}  // namespace flagfall::director
