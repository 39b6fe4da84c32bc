// The clusters of a book by prefix: longest match, and who was asked for longest ago. Pure, one owner.
//
// A hash table of prefixes. The cluster of the coarsest length is the anchor of all that lie in it and knows
// their lengths, so that an address costs one look-up where there are no finer clusters; lengths coarser than
// that exist by an operator's word only, and are looked for one by one. The table grows a bucket at a time
// (linear hashing: Litwin, VLDB 1980): no insertion waits for a million others.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "common/base/hash.hh"
#include "director/cluster.hh"

namespace flagfall::director {

class ClusterTree {
 public:
  /// The coarsest lengths of each family; `most`: clusters that are expected at most.
  ClusterTree(unsigned coarsest_v4, unsigned coarsest_v6, std::size_t most, Random& random);

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Exactly this one; nullptr: not there.
  [[nodiscard]] Cluster* find(const Prefix& prefix);
  /// The most specific one around the address that is no longer than `longest`.
  [[nodiscard]] Cluster* around(const IpAddress& address, unsigned longest = 128);
  [[nodiscard]] const Cluster* around(const IpAddress& address, unsigned longest = 128) const {
    return const_cast<ClusterTree*>(this)->around(address,
                                                  longest);  // NOLINT(*-const-cast): it changes nothing
  }
  /// It is not there yet. Its rank is `kept` until it is set.
  Cluster& add(const Prefix& prefix);
  void remove(Cluster& cluster);

  /// As the youngest of its rank.
  void touch(Cluster& cluster, Rank rank);
  /// The one of this rank that was touched longest ago; nullptr: none.
  [[nodiscard]] Cluster* oldest(Rank rank);

  /// Every cluster inside the prefix and finer than it. Other than it itself, none may be removed by `f`.
  template <class F>
  void for_each_inside(const Prefix& prefix, F f);
  template <class F>
  void for_each(F f) const;
  /// By place, for a walk that goes on later: nullptr where there is none; places end at `places()`.
  [[nodiscard]] Cluster* at_place(std::size_t place);
  [[nodiscard]] std::size_t places() const { return used_; }

 private:
  static constexpr std::size_t kChunk = 256;
  using Chunk = std::array<Cluster, kChunk>;
  struct List {
    ClusterId oldest = kNoCluster, newest = kNoCluster;
  };

  [[nodiscard]] Cluster& at(ClusterId id) { return chunks_[id / kChunk]->at(id % kChunk); }
  [[nodiscard]] const Cluster& at(ClusterId id) const { return chunks_[id / kChunk]->at(id % kChunk); }
  [[nodiscard]] unsigned anchor(Family family) const {
    return family == Family::v4 ? anchor_v4_ : anchor_v6_;
  }
  [[nodiscard]] std::uint64_t hash(const Prefix& prefix) const;
  [[nodiscard]] std::size_t bucket(std::uint64_t h) const;
  [[nodiscard]] Cluster* look_up(const Prefix& prefix);
  [[nodiscard]] Cluster* deepest(Cluster& anchor, const IpAddress& address, unsigned longest);
  Cluster& make(const Prefix& prefix);
  void free(Cluster& cluster);
  void grow();
  void unlist(Cluster& cluster);
  [[nodiscard]] std::array<std::uint32_t, 129>& coarser(Family family) {
    return family == Family::v4 ? coarser_v4_ : coarser_v6_;
  }

  unsigned anchor_v4_, anchor_v6_;
  SeededHash hash_;
  std::size_t level_ = 1024;  // a power of two: buckets before this round of growth
  std::vector<ClusterId> buckets_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<ClusterId> free_;
  std::size_t used_ = 0;  // places ever used
  std::size_t size_ = 0;  // visible ones
  std::array<List, 2> lists_{};
  std::array<std::uint32_t, 129> coarser_v4_{}, coarser_v6_{};  // by length, how many
};

template <class F>
void ClusterTree::for_each_inside(const Prefix& prefix, F f) {
  const auto inside = [&](const Cluster& c) {
    return c.visible && c.prefix.length > prefix.length && prefix.contains(c.prefix.ip);
  };
  const unsigned length = anchor(prefix.ip.family);
  if (prefix.length < length) {
    for (std::size_t i = 0; i < used_; ++i) {
      Cluster* const c = at_place(i);
      if (c != nullptr && inside(*c)) f(*c);
    }
    return;
  }
  Cluster* const top = look_up({masked(prefix.ip, length), static_cast<std::uint8_t>(length)});
  for (ClusterId id = top == nullptr ? kNoCluster : top->first_inside; id != kNoCluster;) {
    Cluster& c = at(id);
    id = c.next_inside;
    if (inside(c)) f(c);
  }
}

template <class F>
void ClusterTree::for_each(F f) const {
  for (std::size_t i = 0; i < used_; ++i) {
    const Cluster& c = at(static_cast<ClusterId>(i));
    if (c.visible) f(c);
  }
}

}  // namespace flagfall::director
