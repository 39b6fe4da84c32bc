// The names of a zone as a tree that is walked label by label from the apex
// (RFC 1034 §4.3.2). Children are found in one hash table by (parent, label),
// keyed with SipHash, so hostile names cost what friendly ones do: one probe a
// level, down to the closest encloser. Filled at load time, then immutable:
// any thread may look up. Knows names only, no records.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/base/bytes.hh"
#include "common/wire/siphash.hh"

namespace flagfall::dns {

class NameTree {
 public:
  using Index = std::uint32_t;
  static constexpr Index kApex = 0;
  static constexpr Index kNone = 0;  // as a child: the apex is nobody's

  explicit NameTree(const wire::SipKey& key);

  /// The child, made when it is missing. `label` is lower case, without its length octet.
  Index add_child(Index parent, Bytes label);
  /// kNone when there is none. No allocation.
  [[nodiscard]] Index child(Index parent, Bytes label) const noexcept;
  /// The child "*", the source of synthesis (RFC 4592 §3.3.1), or kNone.
  [[nodiscard]] Index wildcard(Index parent) const noexcept { return nodes_[parent].wildcard; }

  [[nodiscard]] Index parent(Index node) const noexcept { return nodes_[node].parent; }
  [[nodiscard]] Bytes label(Index node) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }

 private:
  /// Half a cache line: a label of ordinary length costs no further miss.
  struct Node {
    Index parent = kApex;
    Index wildcard = kNone;
    std::uint32_t label_at = 0;  // in labels_, when it is longer than `text`
    std::uint8_t label_length = 0;
    std::array<std::uint8_t, 19> text{};
  };
  struct Slot {
    std::uint32_t tag = 0;
    Index node = kNone;
  };
  [[nodiscard]] std::uint64_t hash(Index parent, Bytes label) const noexcept;
  /// The slot that holds the child, or the free one where it belongs.
  [[nodiscard]] std::size_t probe(std::uint64_t hash, Index parent, Bytes label) const noexcept;
  void grow();

  wire::SipKey key_;
  std::vector<Node> nodes_;
  std::vector<Slot> slots_;           // a power of two, at most half full
  std::vector<std::uint8_t> labels_;  // the long ones
};

}  // namespace flagfall::dns
