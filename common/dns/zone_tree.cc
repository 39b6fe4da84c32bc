#include "common/dns/zone_tree.hh"

#include <algorithm>
#include <array>
#include <cassert>

#include "common/wire/dns.hh"

namespace flagfall::dns {
namespace {
constexpr std::size_t kFirstSlots = 64;
std::uint32_t tag_of(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash >> 32);
}
}  // namespace

NameTree::NameTree(const wire::SipKey& key) : key_(key), nodes_(1), slots_(kFirstSlots) {}

Bytes NameTree::label(Index node) const noexcept {
  const Node& n = nodes_[node];
  if (n.label_length <= n.text.size()) return Bytes(n.text).first(n.label_length);
  return Bytes(labels_).subspan(n.label_at, n.label_length);
}

std::uint64_t NameTree::hash(Index parent, Bytes label) const noexcept {
  constexpr std::size_t kMost = sizeof(Index) + wire::kMaxLabel;
  std::array<std::uint8_t, kMost> input;  // NOLINT(*-member-init): filled as far as used
  assert(label.size() <= wire::kMaxLabel);
  std::memcpy(input.data(), &parent, sizeof parent);
  std::memcpy(input.data() + sizeof parent, label.data(), label.size());
  return wire::siphash24(key_, Bytes(input).first(sizeof parent + label.size()));
}

std::size_t NameTree::probe(std::uint64_t hash, Index parent, Bytes label) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.node == kNone) return i;
    if (slot.tag == tag_of(hash) && nodes_[slot.node].parent == parent &&
        std::ranges::equal(this->label(slot.node), label))
      return i;
  }
}

NameTree::Index NameTree::child(Index parent, Bytes label) const noexcept {
  return slots_[probe(hash(parent, label), parent, label)].node;
}

NameTree::Index NameTree::add_child(Index parent, Bytes label) {
  if (nodes_.size() * 2 >= slots_.size()) grow();
  const std::uint64_t h = hash(parent, label);
  Slot& slot = slots_[probe(h, parent, label)];
  if (slot.node != kNone) return slot.node;
  slot = {tag_of(h), static_cast<Index>(nodes_.size())};
  Node& node = nodes_.emplace_back();
  node.parent = parent;
  node.label_length = static_cast<std::uint8_t>(label.size());
  if (label.size() <= node.text.size()) {
    std::ranges::copy(label, node.text.begin());
  } else {
    node.label_at = static_cast<std::uint32_t>(labels_.size());
    labels_.insert(labels_.end(), label.begin(), label.end());
  }
  if (label.size() == 1 && label[0] == '*') nodes_[parent].wildcard = slot.node;
  return slot.node;
}

void NameTree::grow() {
  slots_.assign(slots_.size() * 2, {});
  for (Index i = 1; i < nodes_.size(); ++i) {
    const std::uint64_t h = hash(nodes_[i].parent, label(i));
    slots_[probe(h, nodes_[i].parent, label(i))] = {tag_of(h), i};
  }
}

}  // namespace flagfall::dns
