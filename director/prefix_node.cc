#include "director/prefix_node.hh"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <optional>

namespace flagfall::director {
namespace {

/// f(a key of that width).
template <class F>
auto with_key(unsigned width, F f) {
  switch (width) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    case 8:
      return f(std::uint64_t{});
    default:
      assert(width == 16);
      return f(WideAddress{});
  }
}

/// Where a node's entries are.
struct EntryPlaces {
  std::size_t starts, values, lengths, end;
};

template <class Key>
EntryPlaces places(std::size_t from, std::size_t entries) {
  EntryPlaces p{};
  p.starts = PrefixNode::align(from, sizeof(Key));
  p.values = PrefixNode::align(p.starts + entries * sizeof(Key), sizeof(std::uint32_t));
  p.lengths = p.values + entries * sizeof(std::uint32_t);
  p.end = p.lengths + entries;
  return p;
}

template <class Key>
EntryPlaces leaf_places(std::size_t spans, std::size_t entries) {
  return places<Key>(PrefixNode::values_at<Key>(spans) + spans * sizeof(std::uint32_t), entries);
}

EntryPlaces inner_places(std::size_t entries) {
  return places<std::uint8_t>(PrefixNode::kScopes + kPrefixSlots, entries);
}

template <class Key>
EntryPlaces places_of(const PrefixNode& node) {
  return node.inner() ? inner_places(node.own) : leaf_places<Key>(node.spans, node.own);
}

unsigned key_width(const PrefixNode& node) {
  return node.inner() ? 1 : node.width;
}

template <class Key>
void write_entries(PrefixNode& node, const EntryPlaces& at, std::span<const PrefixEntry> entries,
                   unsigned base) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const PrefixEntry& e = entries[i];
    node.at<Key>(at.starts)[i] = static_cast<Key>(wide_key(e.key.start, base, sizeof(Key)));
    node.at<std::uint32_t>(at.values)[i] = e.value;
    node.at<std::uint8_t>(at.lengths)[i] = e.key.length;
  }
}

/// The lowest `n` bits.
WideAddress ones(unsigned n) {
  return n == 0 ? 0 : ~WideAddress{0} >> (kWideBits - n);
}

unsigned leading_zeros(WideAddress x) {
  const auto high = static_cast<std::uint64_t>(x >> 64);
  return static_cast<unsigned>(high != 0 ? std::countl_zero(high)
                                         : 64 + std::countl_zero(static_cast<std::uint64_t>(x)));
}

/// Appends spans, whatever order of equal starts and values comes.
class SpanWriter {
 public:
  explicit SpanWriter(std::vector<PrefixSpan>& out) : out_(out) {}
  void add(WideAddress start, std::uint32_t value) {
    if (!out_.empty() && out_.back().start == start) out_.pop_back();
    if (out_.empty() || out_.back().value != value) out_.push_back({start, value});
  }

 private:
  std::vector<PrefixSpan>& out_;
};

/// The one value of a slot that has just one.
std::optional<std::uint32_t> only_value(PrefixSlot slot) {
  if (slot.has_node() && !slot.uniform()) return {};
  while (slot.has_node() && slot.node()->inner()) slot = slot.node()->slots()[0];
  if (!slot.has_node()) return slot.value();
  return with_key(slot.node()->width,
                  [&]<class Key>(Key) -> std::uint32_t { return slot.node()->values<Key>()[0]; });
}

}  // namespace

std::size_t PrefixNode::size() const {
  return with_key(key_width(*this), [&]<class Key>(Key) { return places_of<Key>(*this).end; });
}

void PrefixNode::read_entries(unsigned base, WideAddress path, std::vector<PrefixEntry>& out) const {
  const WideAddress keep = ~ones(kWideBits - base);
  with_key(key_width(*this), [&]<class Key>(Key) {
    const EntryPlaces p = places_of<Key>(*this);
    for (std::size_t i = 0; i < own; ++i) {
      const WideAddress key = at<Key>(p.starts)[i];
      const WideAddress start = (key << (kWideBits - 8 * sizeof(Key))) >> base;
      out.push_back(
          {{(path & keep) | start, at<std::uint8_t>(p.lengths)[i]}, at<std::uint32_t>(p.values)[i]});
    }
  });
}

std::uint32_t PrefixNode::get(const PrefixKey& key, unsigned base) const {
  return with_key(key_width(*this), [&]<class Key>(Key) -> std::uint32_t {
    const unsigned most = base + 8 * static_cast<unsigned>(sizeof(Key));
    if (key.length > most) return 0;
    const EntryPlaces p = places_of<Key>(*this);
    const Key* const starts = at<Key>(p.starts);
    const auto start = static_cast<Key>(wide_key(key.start, base, sizeof(Key)));
    for (auto i = std::lower_bound(starts, starts + own, start) - starts; i < own && starts[i] == start; ++i)
      if (at<std::uint8_t>(p.lengths)[i] == key.length) return at<std::uint32_t>(p.values)[i];
    return 0;
  });
}

unsigned scope_of(WideAddress key, WideAddress first, WideAddress last, unsigned bits) {
  const auto common = [&](WideAddress other) { return leading_zeros(key ^ other) - (kWideBits - bits); };
  unsigned scope = 0;
  if (first > 0) scope = common(first - 1) + 1;
  if (last < ones(bits)) scope = std::max(scope, common(last + 1) + 1);
  return scope;
}

void flatten(std::span<const PrefixEntry> entries, unsigned base, unsigned width, std::uint32_t inherited,
             std::vector<PrefixSpan>& out) {
  struct Open {
    WideAddress last;
    std::uint32_t value;
  };
  std::array<Open, kWideBits + 2> open{};  // prefixes that hold one another, outermost first
  std::size_t depth = 0;
  const WideAddress end = ones(8 * width);
  open[depth++] = {end, inherited};
  out.clear();
  SpanWriter spans(out);
  spans.add(0, inherited);
  const auto close = [&] {
    --depth;
    if (open[depth].last != end) spans.add(open[depth].last + 1, open[depth - 1].value);
  };
  for (const PrefixEntry& e : entries) {
    const WideAddress start = wide_key(e.key.start, base, width);
    const unsigned free = 8 * width - (e.key.length > base ? e.key.length - base : 0);
    while (open[depth - 1].last < start) close();
    open[depth++] = {start | ones(free), e.value};
    spans.add(start, e.value);
  }
  while (depth > 1) close();
}

unsigned leaf_width(std::span<const PrefixEntry> entries, unsigned base) {
  unsigned longest = base + 9;  // never one octet: a kind less for a look-up to guess
  for (const PrefixEntry& e : entries) longest = std::max<unsigned>(longest, e.key.length);
  return std::bit_ceil((longest - base + 7) / 8);
}

std::size_t leaf_size(unsigned width, std::size_t spans, std::size_t entries) {
  return with_key(width, [&]<class Key>(Key) { return leaf_places<Key>(spans, entries).end; });
}

std::size_t inner_size(std::size_t entries) {
  return inner_places(entries).end;
}

void write_leaf(PrefixNode& node, std::span<const PrefixSpan> spans, std::span<const PrefixEntry> entries,
                unsigned base) {
  node.spans = static_cast<std::uint16_t>(spans.size());
  node.own = static_cast<std::uint16_t>(entries.size());
  node.uniform = spans.size() == 1;
  with_key(node.width, [&]<class Key>(Key) {
    for (std::size_t i = 0; i < spans.size(); ++i) {
      node.at<Key>(PrefixNode::keys_at<Key>())[i] = static_cast<Key>(spans[i].start);
      node.at<std::uint32_t>(PrefixNode::values_at<Key>(spans.size()))[i] = spans[i].value;
    }
    write_entries<Key>(node, leaf_places<Key>(spans.size(), entries.size()), entries, base);
  });
}

void write_inner(PrefixNode& node, std::span<const PrefixSlot> slots, std::span<const PrefixEntry> entries,
                 unsigned base) {
  assert(slots.size() == kPrefixSlots);
  node.own = static_cast<std::uint16_t>(entries.size());
  std::ranges::copy(slots, node.at<PrefixSlot>(PrefixNode::kHeader));
  auto* const scopes = node.at<std::uint8_t>(PrefixNode::kScopes);
  std::fill_n(scopes, kPrefixSlots, std::uint8_t{0});
  for (unsigned first = 0, next = 0; first < kPrefixSlots; first = next) {
    const auto value = only_value(slots[first]);
    next = first + 1;
    if (!value) continue;
    while (next < kPrefixSlots && only_value(slots[next]) == value) ++next;
    for (unsigned i = first; i < next; ++i)
      scopes[i] = static_cast<std::uint8_t>(base + scope_of(i, first, next - 1, 8));
    node.uniform = first == 0 && next == kPrefixSlots;
  }
  write_entries<std::uint8_t>(node, inner_places(entries.size()), entries, base);
}

}  // namespace flagfall::director
