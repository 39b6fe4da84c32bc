#include "director/cluster_tree.hh"

#include <cassert>
#include <cstring>

namespace flagfall::director {
namespace {

constexpr std::size_t kMostReserved = std::size_t{1} << 22;

Prefix cut(const IpAddress& address, unsigned length) {
  return {masked(address, length), static_cast<std::uint8_t>(length)};
}

}  // namespace

ClusterTree::ClusterTree(unsigned coarsest_v4, unsigned coarsest_v6, std::size_t most, Random& random)
    : anchor_v4_(std::clamp(coarsest_v4, 1U, 32U)),
      anchor_v6_(std::clamp(coarsest_v6, 1U, 128U)),
      hash_(random),
      buckets_(level_, kNoCluster) {
  buckets_.reserve(std::min(most + level_, kMostReserved));
}

std::uint64_t ClusterTree::hash(const Prefix& prefix) const {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), prefix.ip.octets.data(), sizeof words);
  std::uint64_t h = hash_.mix(hash_.start(), words[0]);
  if (prefix.ip.family == Family::v6) h = hash_.mix(h, words[1]);
  return hash_.finish(hash_.mix(h, prefix.length));
}

std::size_t ClusterTree::bucket(std::uint64_t h) const {
  const std::size_t wide = h & (2 * level_ - 1);
  return wide < buckets_.size() ? wide : h & (level_ - 1);
}

Cluster* ClusterTree::look_up(const Prefix& prefix) {
  for (ClusterId id = buckets_[bucket(hash(prefix))]; id != kNoCluster;) {
    Cluster& c = at(id);
    if (c.prefix == prefix) return &c;
    id = c.same_hash;
  }
  return nullptr;
}

Cluster* ClusterTree::find(const Prefix& prefix) {
  Cluster* const c = look_up(prefix);
  return c != nullptr && c->visible ? c : nullptr;
}

Cluster* ClusterTree::deepest(Cluster& anchor, const IpAddress& address, unsigned longest) {
  const unsigned deep = std::min(127U, longest - anchor.prefix.length);
  for (int w = 1; w >= 0; --w) {
    std::uint64_t word = anchor.deeper.words.at(static_cast<std::size_t>(w));
    const unsigned base = static_cast<unsigned>(w) * 64;
    if (deep < base) continue;
    if (deep - base < 63) word &= (std::uint64_t{1} << (deep - base + 1)) - 1;
    while (word != 0) {
      const auto n = static_cast<unsigned>(63 - std::countl_zero(word));
      word &= ~(std::uint64_t{1} << n);
      if (Cluster* const c = look_up(cut(address, anchor.prefix.length + base + n))) return c;
    }
  }
  return nullptr;
}

Cluster* ClusterTree::around(const IpAddress& address, unsigned longest) {
  longest = std::min(longest, static_cast<unsigned>(address.size() * 8));
  const unsigned length = anchor(address.family);
  if (longest >= length) {
    if (Cluster* const top = look_up(cut(address, length))) {
      if (Cluster* const c = deepest(*top, address, longest)) return c;
      if (top->visible) return top;
    }
  }
  const auto& counts = coarser(address.family);
  for (unsigned n = std::min(longest + 1, length); n-- > 0;) {
    if (counts.at(n) == 0) continue;
    if (Cluster* const c = look_up(cut(address, n))) return c;
  }
  return nullptr;
}

Cluster& ClusterTree::make(const Prefix& prefix) {
  if (free_.empty()) {
    if (used_ == chunks_.size() * kChunk) chunks_.push_back(std::make_unique<Chunk>());
    free_.push_back(static_cast<ClusterId>(used_++));
  }
  const ClusterId id = free_.back();
  free_.pop_back();
  grow();
  Cluster& c = at(id);
  c.self = id;
  c.prefix = prefix;
  ClusterId& head = buckets_[bucket(hash(prefix))];
  c.same_hash = head;
  head = id;
  return c;
}

void ClusterTree::free(Cluster& cluster) {
  const ClusterId id = cluster.self;
  ClusterId* link = &buckets_[bucket(hash(cluster.prefix))];
  while (*link != id) link = &at(*link).same_hash;
  *link = cluster.same_hash;
  cluster = Cluster();
  free_.push_back(id);
}

/// One bucket more while there are fewer than places in use: its clusters come from one other bucket.
void ClusterTree::grow() {
  if (buckets_.size() >= used_) return;
  const std::size_t from = buckets_.size() - level_;
  buckets_.push_back(kNoCluster);
  ClusterId id = buckets_[from];
  buckets_[from] = kNoCluster;
  while (id != kNoCluster) {
    Cluster& c = at(id);
    const ClusterId next = c.same_hash;
    ClusterId& head = buckets_[bucket(hash(c.prefix))];
    c.same_hash = head;
    head = id;
    id = next;
  }
  if (buckets_.size() == 2 * level_) level_ *= 2;
}

Cluster& ClusterTree::add(const Prefix& prefix) {
  const unsigned length = anchor(prefix.ip.family);
  ++size_;
  if (prefix.length < length) ++coarser(prefix.ip.family).at(prefix.length);
  if (prefix.length <= length) {
    Cluster* c = look_up(prefix);
    if (c == nullptr) c = &make(prefix);
    assert(!c->visible);
    c->visible = true;
    return *c;
  }
  Cluster* top = look_up(cut(prefix.ip, length));
  if (top == nullptr) top = &make(cut(prefix.ip, length));
  Cluster& c = make(prefix);
  c.visible = true;
  top->deeper.add(prefix.length - length);
  c.next_inside = top->first_inside;
  if (c.next_inside != kNoCluster) at(c.next_inside).last_inside = c.self;
  top->first_inside = c.self;
  return c;
}

void ClusterTree::remove(Cluster& cluster) {
  assert(cluster.visible);
  const Prefix prefix = cluster.prefix;
  const unsigned length = anchor(prefix.ip.family);
  unlist(cluster);
  --size_;
  if (prefix.length < length) --coarser(prefix.ip.family).at(prefix.length);
  if (prefix.length <= length) {
    if (cluster.first_inside == kNoCluster) return free(cluster);
    Cluster anchor;  // what the finer ones need of it stays
    anchor.prefix = prefix;
    anchor.deeper = cluster.deeper;
    anchor.self = cluster.self;
    anchor.same_hash = cluster.same_hash;
    anchor.first_inside = cluster.first_inside;
    cluster = std::move(anchor);
    return;
  }
  Cluster& top = *look_up(cut(prefix.ip, length));
  (cluster.last_inside == kNoCluster ? top.first_inside : at(cluster.last_inside).next_inside) =
      cluster.next_inside;
  if (cluster.next_inside != kNoCluster) at(cluster.next_inside).last_inside = cluster.last_inside;
  free(cluster);
  if (top.first_inside != kNoCluster) return;
  top.deeper = {};
  if (!top.visible) free(top);
}

void ClusterTree::unlist(Cluster& cluster) {
  if (cluster.rank == Rank::kept) return;
  List& list = lists_.at(static_cast<std::size_t>(cluster.rank));
  (cluster.older == kNoCluster ? list.oldest : at(cluster.older).newer) = cluster.newer;
  (cluster.newer == kNoCluster ? list.newest : at(cluster.newer).older) = cluster.older;
  cluster.older = cluster.newer = kNoCluster;
  cluster.rank = Rank::kept;
}

void ClusterTree::touch(Cluster& cluster, Rank rank) {
  if (rank != Rank::kept && cluster.rank == rank &&
      lists_.at(static_cast<std::size_t>(rank)).newest == cluster.self)
    return;
  unlist(cluster);
  cluster.rank = rank;
  if (rank == Rank::kept) return;
  List& list = lists_.at(static_cast<std::size_t>(rank));
  cluster.older = list.newest;
  (list.newest == kNoCluster ? list.oldest : at(list.newest).newer) = cluster.self;
  list.newest = cluster.self;
}

Cluster* ClusterTree::oldest(Rank rank) {
  const ClusterId id = lists_.at(static_cast<std::size_t>(rank)).oldest;
  return id == kNoCluster ? nullptr : &at(id);
}

Cluster* ClusterTree::at_place(std::size_t place) {
  Cluster& c = at(static_cast<ClusterId>(place));
  return c.visible ? &c : nullptr;
}

}  // namespace flagfall::director
