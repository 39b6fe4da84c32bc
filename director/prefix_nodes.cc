#include "director/prefix_nodes.hh"

#include <algorithm>
#include <array>
#include <cassert>
#include <new>

namespace flagfall::director {
namespace {

/// More entries than this make a leaf an inner node: at least the 510 prefixes that the last octet of an
/// address can have, below which nothing can be divided.
constexpr std::size_t kMostInLeaf = 512;
/// So few make it a leaf again; far enough from the other that a border case does not flap.
constexpr std::size_t kFewInInner = 128;

using Entries = std::vector<PrefixEntry>;
using EntrySpan = std::span<const PrefixEntry>;

bool by_key(const PrefixEntry& a, const PrefixEntry& b) {
  return a.key < b.key;
}

void free_node(const PrefixNode* node) {
  ::operator delete(const_cast<PrefixNode*>(node));  // NOLINT(*-const-cast): we made it
}

void free_tree(PrefixSlot slot) {
  if (!slot.has_node()) return;
  const PrefixNode& node = *slot.node();
  if (node.inner())
    for (unsigned i = 0; i < kPrefixSlots; ++i) free_tree(node.slots()[i]);
  free_node(&node);
}

/// Sorted entries with sorted changes.
Entries merged(EntrySpan entries, EntrySpan changes) {
  Entries out;
  out.reserve(entries.size() + changes.size());
  auto e = entries.begin();
  for (const PrefixEntry& c : changes) {
    while (e != entries.end() && by_key(*e, c)) out.push_back(*e++);
    if (e != entries.end() && e->key == c.key) ++e;
    if (c.value != 0) out.push_back(c);
  }
  out.insert(out.end(), e, entries.end());
  return out;
}

/// Sorted entries, by the slot of an inner node at `base`. In each slot those that are the node's own come
/// first: they begin where the slot does, and are shorter than the others that do.
class BySlot {
 public:
  BySlot(EntrySpan entries, unsigned base) : left_(entries), base_(base) {}
  struct Part {
    EntrySpan own, below;
  };
  /// For each slot, in order.
  Part next(unsigned slot) {
    const auto mine = [&](const PrefixEntry& e) { return octet_at(e.key.start, base_) == slot; };
    const EntrySpan part =
        take(static_cast<std::size_t>(std::ranges::find_if_not(left_, mine) - left_.begin()));
    const auto own =
        std::ranges::find_if(part, [&](const PrefixEntry& e) { return e.key.length > base_ + 8; });
    const auto n = static_cast<std::size_t>(own - part.begin());
    return {part.first(n), part.subspan(n)};
  }

 private:
  EntrySpan take(std::size_t n) {
    const EntrySpan out = left_.first(n);
    left_ = left_.subspan(n);
    return out;
  }
  EntrySpan left_;
  unsigned base_;
};

std::array<BySlot::Part, kPrefixSlots> parts_of(EntrySpan entries, unsigned base, Entries& own) {
  std::array<BySlot::Part, kPrefixSlots> parts;
  BySlot split(entries, base);
  for (unsigned i = 0; i < kPrefixSlots; ++i) {
    parts.at(i) = split.next(i);
    own.insert(own.end(), parts.at(i).own.begin(), parts.at(i).own.end());
  }
  return parts;
}

using Covers = std::array<std::uint32_t, kPrefixSlots>;

/// What each slot inherits.
Covers covers_of(EntrySpan own, unsigned base, std::uint32_t inherited, std::vector<PrefixSpan>& spans) {
  flatten(own, base, 1, inherited, spans);
  Covers covers{};
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const std::size_t next =
        i + 1 < spans.size() ? static_cast<std::size_t>(spans[i + 1].start) : kPrefixSlots;
    for (auto slot = static_cast<std::size_t>(spans[i].start); slot < next; ++slot)
      covers.at(slot) = spans[i].value;
  }
  return covers;
}

std::size_t entries_of(PrefixSlot slot) {
  return slot.has_node() ? slot.node()->entries : 0;
}

void read_tree(PrefixSlot slot, unsigned base, WideAddress path, Entries& out) {
  if (!slot.has_node()) return;
  slot.node()->read_entries(base, path, out);
  if (!slot.node()->inner()) return;
  for (unsigned i = 0; i < kPrefixSlots; ++i)
    read_tree(slot.node()->slots()[i], base + 8, path | WideAddress{i} << (kWideBits - 8 - base), out);
}

}  // namespace

PrefixNodes::~PrefixNodes() {
  for (const PrefixSlot root : shown_) free_tree(root);
  for (const Retired& r : retired_) free_node(r.node);
}

PrefixNode& PrefixNodes::make(std::size_t size) {
  auto& node = *new (::operator new(size)) PrefixNode;
  node.born = generation_;
  memory_ += size;
  return node;
}

void PrefixNodes::retire(const PrefixNode& node) {
  const std::size_t size = node.size();
  memory_ -= size;
  if (node.born == generation_) {  // nobody has seen it
    free_node(&node);
    return;
  }
  retired_memory_ += size;
  retired_.push_back({const_cast<PrefixNode*>(&node), generation_});  // NOLINT(*-const-cast): we made it
}

void PrefixNodes::retire_tree(PrefixSlot slot) {
  if (!slot.has_node()) return;
  const PrefixNode& node = *slot.node();
  if (node.inner())
    for (unsigned i = 0; i < kPrefixSlots; ++i) retire_tree(node.slots()[i]);
  retire(node);
}

PrefixSlot PrefixNodes::make_leaf(EntrySpan entries, unsigned base, std::uint32_t inherited) {
  const unsigned width = leaf_width(entries, base);
  flatten(entries, base, width, inherited, spans_);
  PrefixNode& node = make(leaf_size(width, spans_.size(), entries.size()));
  node.inherited = inherited;
  node.entries = static_cast<std::uint32_t>(entries.size());
  node.width = static_cast<std::uint8_t>(width);
  write_leaf(node, spans_, entries, base);
  return PrefixSlot(&node);
}

PrefixSlot PrefixNodes::make_inner(std::span<const PrefixSlot> slots, EntrySpan own, std::size_t entries,
                                   unsigned base, std::uint32_t inherited) {
  PrefixNode& node = make(inner_size(own.size()));
  node.inherited = inherited;
  node.entries = static_cast<std::uint32_t>(entries);
  write_inner(node, slots, own, base);
  return PrefixSlot(&node);
}

PrefixSlot PrefixNodes::build(EntrySpan entries, unsigned base, std::uint32_t inherited) {
  if (entries.empty()) return PrefixSlot(inherited);
  if (entries.size() <= kMostInLeaf) return make_leaf(entries, base, inherited);
  Entries own;
  const auto parts = parts_of(entries, base, own);
  const Covers covers = covers_of(own, base, inherited, spans_);
  std::array<PrefixSlot, kPrefixSlots> slots;
  for (unsigned i = 0; i < kPrefixSlots; ++i) slots.at(i) = build(parts.at(i).below, base + 8, covers.at(i));
  return make_inner(slots, own, entries.size(), base, inherited);
}

PrefixSlot PrefixNodes::change(PrefixSlot root, EntrySpan changes) {
  assert(std::ranges::is_sorted(changes, by_key));
  return change(root, changes, 0, 0, 0);
}

PrefixSlot PrefixNodes::change(PrefixSlot slot, EntrySpan changes, unsigned base, WideAddress path,
                               std::uint32_t inherited) {
  if (!slot.has_node()) return build(merged({}, changes), base, inherited);
  const PrefixNode& old = *slot.node();
  if (old.inner()) return change_inner(old, changes, base, path, inherited);
  Entries entries;
  old.read_entries(base, path, entries);
  entries = merged(entries, changes);
  retire(old);
  return build(entries, base, inherited);
}

PrefixSlot PrefixNodes::change_inner(const PrefixNode& old, EntrySpan changes, unsigned base,
                                     WideAddress path, std::uint32_t inherited) {
  Entries own_changes;
  const auto parts = parts_of(changes, base, own_changes);
  Entries old_own;
  old.read_entries(base, path, old_own);
  const Covers old_covers = covers_of(old_own, base, old.inherited, spans_);
  Entries own = merged(old_own, own_changes);
  const Covers covers = covers_of(own, base, inherited, spans_);
  std::array<PrefixSlot, kPrefixSlots> slots;
  std::size_t entries = old.entries - old_own.size() + own.size();
  for (unsigned i = 0; i < kPrefixSlots; ++i) {
    PrefixSlot& slot = slots.at(i) = old.slots()[i];
    // Most slots stay as they are: their nodes' memory is not even looked at.
    if (parts.at(i).below.empty() && covers.at(i) == old_covers.at(i)) continue;
    entries -= entries_of(slot);
    slot = change(slot, parts.at(i).below, base + 8, path | WideAddress{i} << (kWideBits - 8 - base),
                  covers.at(i));
    entries += entries_of(slot);
  }
  retire(old);
  if (entries > kFewInInner) return make_inner(slots, own, entries, base, inherited);
  for (unsigned i = 0; i < kPrefixSlots; ++i) {
    read_tree(slots.at(i), base + 8, path | WideAddress{i} << (kWideBits - 8 - base), own);
    retire_tree(slots.at(i));
  }
  std::ranges::sort(own, by_key);
  return build(own, base, inherited);
}

bool PrefixNodes::shown(const Retired& retired) const {
  return std::ranges::any_of(lives_, [&](const PrefixLife& life) {
    return life.generation >= retired.node->born && life.generation < retired.died;
  });
}

/// Frees what no table shows any more.
void PrefixNodes::sweep() {
  // Acquire: what the table's readers did came before its end.
  std::erase_if(lives_, [](const PrefixLife& life) { return life.gone.load(std::memory_order_acquire); });
  std::erase_if(retired_, [&](const Retired& r) {
    if (shown(r)) return false;
    retired_memory_ -= r.node->size();
    free_node(r.node);
    return true;
  });
}

PrefixLife& PrefixNodes::publish(std::span<const PrefixSlot> roots) {
  sweep();
  shown_.assign(roots.begin(), roots.end());
  return lives_.emplace_back(generation_++);
}

void PrefixNodes::close(std::span<const PrefixSlot> roots) {
  shown_.assign(roots.begin(), roots.end());
}

}  // namespace flagfall::director
