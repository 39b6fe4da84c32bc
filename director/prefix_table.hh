// Prefix -> a 32-bit value by longest match, for millions of prefixes: an immutable table that any number of
// threads read without locks, and its editor. Tables of one editor share what did not change.
//
// A tree over the address's octets (director/prefix_node.hh): a part of the address space with few prefixes
// is one leaf, a sorted list; a part with many is a node with 256 parts. Small tables cost little, the worst
// edit rewrites a few kilobytes, and any length from 0 to the family's is the same to it. A change to a
// prefix that is shorter than /16 rewrites the leaves below that inherit its value.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>

#include "common/base/ip.hh"
#include "director/prefix_node.hh"

namespace flagfall::director {

class PrefixNodes;

class PrefixTable {
 public:
  struct Found {
    std::uint32_t value = 0;  // 0: no prefix holds the address
    /// Of the widest prefix around the address that has this one value throughout: what an answer may
    /// tell as its EDNS client subnet scope (RFC 7871 §7.2.1). 0: all of the family has it.
    std::uint8_t scope = 0;
    bool operator==(const Found&) const = default;
  };
  ~PrefixTable();
  PrefixTable(const PrefixTable&) = delete;
  PrefixTable& operator=(const PrefixTable&) = delete;

  /// No allocation, no lock; any thread.
  [[nodiscard]] Found find(const IpAddress& address) const noexcept;
  /// Asks for the memory that find() will read, and does not wait for it. For the addresses of a burst one
  /// after the other, and then find() for each: several times as fast as without.
  void prepare(const IpAddress& address) const noexcept;
  /// Entries.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Octets of memory, of this table alone.
  [[nodiscard]] std::size_t memory() const { return memory_; }

 private:
  friend class PrefixTableEditor;
  PrefixTable(std::shared_ptr<PrefixNodes> nodes, std::array<PrefixSlot, 2> roots);

  std::array<PrefixSlot, 2> roots_;  // IPv4, IPv6
  std::size_t size_ = 0;
  std::size_t memory_ = 0;
  std::shared_ptr<PrefixNodes> nodes_;  // of the editor: the table reads nothing of it
  PrefixLife& life_;
};

/// One owner thread. Its tables may outlive it.
class PrefixTableEditor {
 public:
  PrefixTableEditor();
  ~PrefixTableEditor();
  PrefixTableEditor(const PrefixTableEditor&) = delete;
  PrefixTableEditor& operator=(const PrefixTableEditor&) = delete;

  /// `value` is not 0.
  void set(const Prefix& prefix, std::uint32_t value);
  /// Nothing happens when it is not there.
  void erase(const Prefix& prefix);
  [[nodiscard]] std::uint32_t get(const Prefix& prefix) const;  // exactly this one; 0: not there
  [[nodiscard]] std::size_t size() const { return size_; }
  /// What is now; costs what has changed since the last one, and a little.
  std::shared_ptr<const PrefixTable> publish();
  /// Octets of memory, with all that older tables still hold.
  [[nodiscard]] std::size_t memory() const;

 private:
  using Pending = std::map<PrefixKey, std::uint32_t>;  // 0: erased
  std::array<Pending, 2> pending_;
  std::array<PrefixSlot, 2> roots_;
  std::size_t size_ = 0;
  std::shared_ptr<PrefixNodes> nodes_;
};

}  // namespace flagfall::director
