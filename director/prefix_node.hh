// What a PrefixTable is made of: nodes that are written once and then only read, each one piece of memory.
//
// A node stands for all addresses that begin with the same `base` bits, a multiple of 8. An inner node has a
// slot for each value of the next octet, and owns the prefixes of up to base + 8 bits; a leaf owns all that
// are longer than base. What is owned is kept twice: as entries, from which the next edit is made, and
// flattened, for finding: a leaf has sorted spans of equal value, an inner node's slots have a value or a
// node.
//
// Layouts, in this order and aligned: PrefixNode; then
//   inner: 256 slots; 256 scopes; entries
//   leaf:  the spans' first keys (`width` octets each: the address's bits behind base); their values; entries
// What a look-up reads of a usual leaf lies in its first four cache lines.
//   entries, sorted by start and length: starts (`width` octets, 1 in an inner node); values; lengths
#pragma once

#include <atomic>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace flagfall::director {

/// An address, or the start of a prefix, its first bit on top: IPv4 fills the upper 32 bits.
__extension__ using WideAddress = unsigned __int128;
inline constexpr unsigned kWideBits = 128;

struct PrefixKey {
  WideAddress start = 0;
  std::uint8_t length = 0;
  auto operator<=>(const PrefixKey&) const = default;  // NOLINT(*-use-nullptr): there is none
};

struct PrefixEntry {
  PrefixKey key;
  std::uint32_t value = 0;  // in a list of changes 0 erases
};

struct PrefixNode;

/// A node, or one value for all addresses. It tells what kind of node, so that nobody waits for the node's
/// memory to know that.
class PrefixSlot {
 public:
  PrefixSlot() = default;
  explicit PrefixSlot(std::uint32_t value) : bits_(std::uint64_t{value} << 32 | kValue) {}
  /// A node that is complete.
  explicit PrefixSlot(const PrefixNode* node);

  [[nodiscard]] bool has_node() const { return (bits_ & kKind) != kValue; }
  [[nodiscard]] bool inner() const { return (bits_ & kKind) == 0; }
  /// Of a leaf: octets of its keys.
  [[nodiscard]] unsigned width() const { return 1U << (bits_ & kKind); }
  /// Of a node: it has one value throughout.
  [[nodiscard]] bool uniform() const { return (bits_ & kUniform) != 0; }
  [[nodiscard]] std::uint32_t value() const { return static_cast<std::uint32_t>(bits_ >> 32); }
  [[nodiscard]] const PrefixNode* node() const {
    const std::uint64_t at = bits_ & ~(kKind | kUniform);
    return reinterpret_cast<const PrefixNode*>(static_cast<std::uintptr_t>(at));  // NOLINT(*-no-int-to-ptr)
  }
  bool operator==(const PrefixSlot&) const = default;

 private:
  // The lowest bits: nodes are aligned to 16. A leaf's kind is the logarithm of its width, 1 to 4.
  static constexpr std::uint64_t kKind = 7, kValue = 7, kUniform = 8;
  std::uint64_t bits_ = kValue;
};

/// Addresses from `start` to the next span's have one value.
struct PrefixSpan {
  WideAddress start = 0;  // of the `width` octets behind base, not shifted
  std::uint32_t value = 0;
};

inline constexpr unsigned kPrefixSlots = 256;

struct PrefixNode {
  std::uint64_t born = 0;       // the generation that it was made in (director/prefix_nodes.hh)
  std::uint32_t inherited = 0;  // what is around it
  std::uint32_t entries = 0;    // here and below
  std::uint16_t own = 0;        // here
  std::uint16_t spans = 0;      // of a leaf
  std::uint8_t width = 0;       // octets of a leaf's key: 2, 4, 8, 16; 0: an inner node
  bool uniform = false;         // one value throughout

  [[nodiscard]] bool inner() const { return width == 0; }
  [[nodiscard]] const PrefixSlot* slots() const { return at<PrefixSlot>(kHeader); }
  /// For the slots of one value: the scope of an address in it. Other slots' mean nothing.
  [[nodiscard]] const std::uint8_t* scopes() const { return at<std::uint8_t>(kScopes); }
  template <class Key>
  [[nodiscard]] const Key* keys() const {
    return at<Key>(keys_at<Key>());
  }
  template <class Key>
  [[nodiscard]] const std::uint32_t* values() const {
    return at<std::uint32_t>(values_at<Key>(spans));
  }
  /// Octets of memory.
  [[nodiscard]] std::size_t size() const;
  /// Adds its own entries to `out`; all addresses here begin with `path`'s first `base` bits.
  void read_entries(unsigned base, WideAddress path, std::vector<PrefixEntry>& out) const;
  /// Of its own entries; 0: not there.
  [[nodiscard]] std::uint32_t get(const PrefixKey& key, unsigned base) const;

  template <class T>
  [[nodiscard]] const T* at(std::size_t offset) const {
    return reinterpret_cast<const T*>(reinterpret_cast<const std::byte*>(this) + offset);
  }
  template <class T>
  [[nodiscard]] T* at(std::size_t offset) {
    return reinterpret_cast<T*>(reinterpret_cast<std::byte*>(this) + offset);
  }

  static constexpr std::size_t kHeader = 24;
  static constexpr std::size_t kScopes = kHeader + kPrefixSlots * sizeof(PrefixSlot);
  static constexpr std::size_t align(std::size_t offset, std::size_t to) {
    return (offset + to - 1) & ~(to - 1);
  }
  template <class Key>
  static constexpr std::size_t keys_at() {
    return align(kHeader, sizeof(Key));
  }
  template <class Key>
  static constexpr std::size_t values_at(std::size_t spans) {
    return align(keys_at<Key>() + spans * sizeof(Key), sizeof(std::uint32_t));
  }
};
static_assert(sizeof(PrefixNode) == PrefixNode::kHeader);

inline PrefixSlot::PrefixSlot(const PrefixNode* node)
    : bits_(reinterpret_cast<std::uintptr_t>(node) | (node->uniform ? kUniform : 0) |
            (node->inner() ? 0U : static_cast<unsigned>(std::countr_zero(node->width)))) {}

/// Bits of `address` behind `base`, as many as fit `width` octets.
inline WideAddress wide_key(WideAddress address, unsigned base, unsigned width) {
  return (address << base) >> (kWideBits - 8 * width);
}
inline unsigned octet_at(WideAddress address, unsigned base) {
  return static_cast<unsigned>(address >> (kWideBits - 8 - base)) & 0xff;
}

/// The smallest number of leading bits (of `bits`) that keep `key` apart from both neighbours of its span
/// [first, last]; 0 when it has none.
unsigned scope_of(WideAddress key, WideAddress first, WideAddress last, unsigned bits);

/// Flattens sorted entries, all within `base`, to spans whose neighbours differ; `inherited` is around them.
/// At least one span, the first from 0 on.
void flatten(std::span<const PrefixEntry> entries, unsigned base, unsigned width, std::uint32_t inherited,
             std::vector<PrefixSpan>& out);

/// What a leaf of these entries needs as its keys.
unsigned leaf_width(std::span<const PrefixEntry> entries, unsigned base);
/// Octets, and the writing of it into as many. `header` is complete but for `uniform` (and `spans`).
std::size_t leaf_size(unsigned width, std::size_t spans, std::size_t entries);
std::size_t inner_size(std::size_t entries);
void write_leaf(PrefixNode& node, std::span<const PrefixSpan> spans, std::span<const PrefixEntry> entries,
                unsigned base);
/// `slots` has kPrefixSlots; scopes and `uniform` are made here.
void write_inner(PrefixNode& node, std::span<const PrefixSlot> slots, std::span<const PrefixEntry> entries,
                 unsigned base);

/// One of the tables that are out; its last act is to say that it is gone.
struct PrefixLife {
  explicit PrefixLife(std::uint64_t of) : generation(of) {}
  std::uint64_t generation;
  std::atomic<bool> gone{false};
};

}  // namespace flagfall::director
