// Prefix -> a 32-bit value by longest match, for millions of prefixes: an immutable table that any number of
// threads read without locks, and its editor. Tables of one editor share what did not change.
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/ip.hh"

namespace flagfall::director {

class PrefixTable {
 public:
  struct Found {
    std::uint32_t value = 0;  // 0: no prefix holds the address
    /// The longest prefix around the address that has this one value throughout: what an answer may
    /// tell as its EDNS client subnet scope (RFC 7871 §7.2.1).
    std::uint8_t scope = 0;
  };
  /// No allocation, no lock; any thread.
  [[nodiscard]] Found find(const IpAddress& address) const noexcept;
  /// Entries.
  [[nodiscard]] std::size_t size() const;
  /// Octets of memory, of this table alone.
  [[nodiscard]] std::size_t memory() const;
};

/// One owner thread.
class PrefixTableEditor {
 public:
  /// `value` is not 0.
  void set(const Prefix& prefix, std::uint32_t value);
  /// Nothing happens when it is not there.
  void erase(const Prefix& prefix);
  [[nodiscard]] std::uint32_t get(const Prefix& prefix) const;  // exactly this one; 0: not there
  [[nodiscard]] std::size_t size() const;
  /// What is now; costs what has changed since the last one, and a little.
  std::shared_ptr<const PrefixTable> publish();
};

}  // namespace flagfall::director
