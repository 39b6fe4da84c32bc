#include "director/prefix_table.hh"

#include <endian.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

#include "director/prefix_nodes.hh"

namespace flagfall::director {
namespace {

WideAddress wide(const IpAddress& address) {
  const auto half = [&](std::size_t at) {
    std::uint64_t word = 0;
    std::memcpy(&word, address.octets.data() + at, sizeof word);
    return be64toh(word);
  };
  return WideAddress{half(0)} << 64 | half(8);
}

std::size_t family_of(const IpAddress& address) {
  return address.family == Family::v4 ? 0 : 1;
}

PrefixKey key_of(const Prefix& prefix) {
  assert(prefix.length <= prefix.ip.size() * 8 && masked(prefix.ip, prefix.length) == prefix.ip);
  return {wide(prefix.ip), prefix.length};
}

/// The last of sorted keys that is not above `key`; the first one is 0. The usual leaf takes the same steps
/// whatever it holds: a branch that nobody can guess would wait for its memory, and all that follows, too.
template <class Key>
std::size_t last_at_most(const Key* keys, std::size_t n, Key key) noexcept {
  constexpr std::size_t kUsual = 64;
  std::size_t i = 0;
  for (; n > kUsual; n -= n / 2) {
    const std::size_t half = n / 2;
    if (keys[half] <= key) keys += half, i += half;
  }
  std::size_t at = 0;
  for (std::size_t half = kUsual / 2; half > 0; half /= 2) {
    const std::size_t probe = at + half < n ? at + half : at;
    at = keys[probe] <= key ? probe : at;
  }
  return i + at;
}

/// The address's bits behind `octet` octets.
template <class Key>
Key key_behind(const IpAddress& address, std::size_t octet) noexcept {
  if (octet + sizeof(Key) > address.octets.size())
    return static_cast<Key>(wide_key(wide(address), static_cast<unsigned>(octet) * 8, sizeof(Key)));
  Key key = 0;
  std::memcpy(&key, address.octets.data() + octet, sizeof key);
  if constexpr (sizeof key == 2) return be16toh(key);
  if constexpr (sizeof key == 4) return be32toh(key);
  if constexpr (sizeof key == 8) return be64toh(key);
  return static_cast<Key>(wide(address));
}

template <class Key>
unsigned leading_zeros(Key x) noexcept {
  if constexpr (sizeof x < 8)
    return static_cast<unsigned>(std::countl_zero(std::uint64_t{x} << (64 - 8 * sizeof x)));
  else if constexpr (sizeof x == 8)
    return static_cast<unsigned>(std::countl_zero(x));
  else
    return (x >> 64) != 0 ? static_cast<unsigned>(std::countl_zero(static_cast<std::uint64_t>(x >> 64)))
                          : 64 + static_cast<unsigned>(std::countl_zero(static_cast<std::uint64_t>(x)));
}

/// In a leaf of several spans: the scope keeps the address apart from both neighbours, of which it has at
/// least one.
template <class Key>
PrefixTable::Found find_in(const PrefixNode& leaf, const IpAddress& address, std::size_t octet) noexcept {
  const auto key = key_behind<Key>(address, octet);
  const Key* const keys = leaf.keys<Key>();
  const std::size_t n = leaf.spans;
  const std::size_t i = last_at_most(keys, n, key);
  const auto none = static_cast<Key>(~key);  // nothing in common
  const Key before = i > 0 ? static_cast<Key>(keys[i] - 1) : none;
  const Key behind = keys[i + 1 < n ? i + 1 : i];
  const unsigned left = leading_zeros(static_cast<Key>(key ^ before));
  const unsigned right = leading_zeros(static_cast<Key>(key ^ (i + 1 < n ? behind : none)));
  return {leaf.values<Key>()[i], static_cast<std::uint8_t>(octet * 8 + std::max(left, right) + 1)};
}

/// All that a usual leaf holds is asked for at once.
void fetch(const PrefixNode* leaf) noexcept {
  constexpr std::size_t kLine = 64, kLines = 4;
  const auto* const from = reinterpret_cast<const std::byte*>(leaf);
  for (std::size_t i = 0; i < kLines; ++i) __builtin_prefetch(from + i * kLine);
}

PrefixTable::Found find_in_leaf(PrefixSlot leaf, const IpAddress& address, std::size_t octet) noexcept {
  switch (leaf.width()) {
    case 2:
      return find_in<std::uint16_t>(*leaf.node(), address, octet);
    case 4:
      return find_in<std::uint32_t>(*leaf.node(), address, octet);
    case 8:
      return find_in<std::uint64_t>(*leaf.node(), address, octet);
    default:
      return find_in<WideAddress>(*leaf.node(), address, octet);
  }
}

}  // namespace

PrefixTable::PrefixTable(std::shared_ptr<PrefixNodes> nodes, std::array<PrefixSlot, 2> roots)
    : roots_(roots),
      memory_(sizeof *this + nodes->memory()),
      nodes_(std::move(nodes)),
      life_(nodes_->publish(roots_)) {
  for (const PrefixSlot root : roots_) size_ += root.has_node() ? root.node()->entries : 0;
}

PrefixTable::~PrefixTable() {
  life_.gone.store(true, std::memory_order_release);
}

PrefixTable::Found PrefixTable::find(const IpAddress& address) const noexcept {
  PrefixSlot slot = roots_[family_of(address)];
  constexpr std::uint8_t kAll = 0;
  const std::uint8_t* scope = &kAll;  // of the widest slot so far that has one value, or else of this one
  bool uniform = false;               // it has
  std::size_t octet = 0;
  for (; slot.inner(); ++octet) {
    const PrefixNode& node = *slot.node();
    const std::size_t i = address.octets[octet];
    uniform |= slot.uniform();
    scope = uniform ? scope : node.scopes() + i;  // read only where it counts: it is another cache line
    slot = node.slots()[i];
  }
  if (!slot.has_node()) return {slot.value(), *scope};
  fetch(slot.node());
  const Found found = find_in_leaf(slot, address, octet);
  return uniform || slot.uniform() ? Found{found.value, *scope} : found;
}

void PrefixTable::prepare(const IpAddress& address) const noexcept {
  PrefixSlot slot = roots_[family_of(address)];
  for (std::size_t octet = 0; slot.inner(); ++octet) slot = slot.node()->slots()[address.octets[octet]];
  if (slot.has_node()) fetch(slot.node());
}

PrefixTableEditor::PrefixTableEditor() : nodes_(std::make_shared<PrefixNodes>()) {}

PrefixTableEditor::~PrefixTableEditor() {
  nodes_->close(roots_);
}

std::uint32_t PrefixTableEditor::get(const Prefix& prefix) const {
  const PrefixKey key = key_of(prefix);
  const std::size_t family = family_of(prefix.ip);
  if (const auto it = pending_[family].find(key); it != pending_[family].end()) return it->second;
  PrefixSlot slot = roots_[family];
  unsigned base = 0;
  for (; slot.has_node(); base += 8) {
    const PrefixNode& node = *slot.node();
    if (!node.inner() || key.length <= base + 8) return node.get(key, base);
    slot = node.slots()[octet_at(key.start, base)];
  }
  return 0;
}

void PrefixTableEditor::set(const Prefix& prefix, std::uint32_t value) {
  assert(value != 0);
  const std::uint32_t old = get(prefix);
  if (old == value) return;
  if (old == 0) ++size_;
  pending_[family_of(prefix.ip)][key_of(prefix)] = value;
}

void PrefixTableEditor::erase(const Prefix& prefix) {
  if (get(prefix) == 0) return;
  --size_;
  pending_[family_of(prefix.ip)][key_of(prefix)] = 0;
}

std::shared_ptr<const PrefixTable> PrefixTableEditor::publish() {
  std::vector<PrefixEntry> changes;
  for (std::size_t family = 0; family < roots_.size(); ++family) {
    if (pending_[family].empty()) continue;
    changes.clear();
    changes.reserve(pending_[family].size());
    for (const auto& [key, value] : pending_[family]) changes.push_back({key, value});
    pending_[family].clear();
    roots_[family] = nodes_->change(roots_[family], changes);
  }
  return std::shared_ptr<const PrefixTable>(new PrefixTable(nodes_, roots_));
}

std::size_t PrefixTableEditor::memory() const {
  constexpr std::size_t kMapNode = 4 * sizeof(void*);  // a red-black tree's own words
  return sizeof *this + sizeof *nodes_ + nodes_->memory() + nodes_->retired_memory() +
         (pending_[0].size() + pending_[1].size()) * (sizeof(Pending::value_type) + kMapNode);
}

}  // namespace flagfall::director
