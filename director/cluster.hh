// One cluster as the tree keeps it. Small: there are a million of them.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "director/binding.hh"
#include "director/piece_window.hh"

namespace flagfall::director {

/// Place of a cluster in its tree.
using ClusterId = std::uint32_t;
inline constexpr ClusterId kNoCluster = std::numeric_limits<ClusterId>::max();

/// Which prefix lengths there are below an anchor, counted from its own: 1 to 127.
struct LengthSet {
  std::array<std::uint64_t, 2> words{};
  void add(unsigned n) { words.at(n / 64) |= std::uint64_t{1} << (n % 64); }
};

/// In which order clusters are evicted: learning ones first, then bound ones, the others never.
enum class Rank : std::uint8_t { learning, bound, kept };

struct Cluster {
  Prefix prefix;
  Order order;  // empty: learning
  Reason reason;
  MonoTime since, renewed, asked;
  PieceWindow wins, figures;

  [[nodiscard]] bool bound() const { return !order.empty(); }
  [[nodiscard]] bool by_hand() const { return reason.cause == Cause::by_hand; }
  [[nodiscard]] Binding binding() const { return {prefix, order, reason, since, renewed}; }

  // The tree's own.
  LengthSet deeper;             // at an anchor
  ClusterId self = kNoCluster;  // kNoCluster: a free place
  ClusterId same_hash = kNoCluster;
  ClusterId older = kNoCluster, newer = kNoCluster;  // by `asked`, within the rank
  ClusterId first_inside = kNoCluster;               // at an anchor
  ClusterId next_inside = kNoCluster, last_inside = kNoCluster;
  Rank rank = Rank::kept;
  bool told = false;     // as a change: the outside knows it
  bool visible = false;  // not: only an anchor of finer ones
};

}  // namespace flagfall::director
