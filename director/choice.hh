// What a policy that knows of more than one good server says: an order, and how requests are dealt within its
// first group. Values; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "common/base/random.hh"
#include "director/order.hh"

namespace flagfall::director {

/// A server's part of the requests, relative to the others'.
struct Share {
  ServerIndex server = 0;
  double part = 0;
};

struct Choice {
  static constexpr std::uint32_t kMostWeight = 0xffff;

  Order order;  // empty: no opinion; the next policy is asked
  /// By server: 1..kMostWeight for each that stands in the order, 0 for the others.
  std::array<std::uint32_t, kMostServers> weight{};

  /// The first group: each server gets `part` of all parts' sum. Parts are finite and 0 at least; of those
  /// that are 0 no server is taken. When more servers have a part than an order holds, so many are drawn,
  /// with weights that give each its part over all draws. Call it once, on an empty choice.
  void deal(std::span<const Share> shares, Random& random);
  /// Behind the group, for when all of that are gone.
  void then(ServerIndex server);

  bool operator==(const Choice&) const = default;
};

}  // namespace flagfall::director
