// The rows of one service in a compact form: for each race what each slave
// needed, eight octets a slave. What `flagfall tune` computes from, be it a live
// master's or a recorded file's. Pure; one owner.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hh"
#include "delay/rows.hh"

namespace flagfall::delay {

/// "What if this slave's way were longer, or shorter": the need times `factor`, plus `shift`, not below zero.
struct WhatIf {
  std::string slave;
  double factor = 1;
  Nanos shift{};
};
/// "slave=fra,+15ms", "slave=fra,-500us", "slave=fra,*1.2". Total; the slave is looked up by who applies it.
Result<WhatIf> parse_what_if(std::string_view text);

class NeedsTable {
 public:
  static constexpr Nanos kAbsent{-1};
  /// A service may have more slaves than a race has runners.
  static constexpr std::size_t kMostColumns = 128;

  /// `slaves`: 1 to kMostColumns columns.
  explicit NeedsTable(std::size_t slaves) : slaves_(slaves) { assert(slaves > 0 && slaves <= kMostColumns); }

  /// One race: one entry a column, kAbsent for who was not in it, and at least one who was.
  void add(std::span<const Nanos> needed) {
    assert(needed.size() == slaves_);
    needed_.insert(needed_.end(), needed.begin(), needed.end());
  }
  [[nodiscard]] std::size_t slaves() const { return slaves_; }
  [[nodiscard]] std::size_t races() const { return needed_.size() / slaves_; }
  [[nodiscard]] std::span<const Nanos> race(std::size_t i) const {
    return std::span(needed_).subspan(i * slaves_, slaves_);
  }
  void apply(std::size_t slave, const WhatIf& what);

 private:
  std::size_t slaves_;
  std::vector<Nanos> needed_;
};

}  // namespace flagfall::delay
