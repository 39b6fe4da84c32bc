// From a 64-bit hash to a slot's number, in memory set aside at the start: open
// addressing, linear probing, deletion by shifting back (Knuth, TAOCP 6.4 R).
// Several slots may have one hash. Pure; one owner.
#pragma once

#include <bit>
#include <cassert>
#include <cstdint>
#include <optional>
#include <vector>

namespace flagfall::master {

class SlotIndex {
 public:
  /// For at most `slots` entries.
  explicit SlotIndex(std::size_t slots) : cells_(std::bit_ceil(slots * 2 + 1)), mask_(cells_.size() - 1) {}

  void insert(std::uint64_t hash, std::uint32_t slot) {
    assert(used_ < cells_.size() / 2 + 1);
    std::size_t at = hash & mask_;
    while (cells_[at].slot != kFree) at = (at + 1) & mask_;
    cells_[at] = {hash, slot};
    ++used_;
  }
  /// The first slot of this hash for which `is(slot)` holds.
  template <class Is>
  [[nodiscard]] std::optional<std::uint32_t> find(std::uint64_t hash, Is is) const {
    for (std::size_t at = hash & mask_; cells_[at].slot != kFree; at = (at + 1) & mask_)
      if (cells_[at].hash == hash && is(cells_[at].slot)) return cells_[at].slot;
    return std::nullopt;
  }
  /// The entry is there.
  void erase(std::uint64_t hash, std::uint32_t slot) {
    std::size_t hole = hash & mask_;
    while (cells_[hole].slot != slot || cells_[hole].hash != hash) {
      assert(cells_[hole].slot != kFree);
      hole = (hole + 1) & mask_;
    }
    for (std::size_t at = (hole + 1) & mask_; cells_[at].slot != kFree; at = (at + 1) & mask_) {
      // May what is at `at` stand in the hole? Not when its home lies behind the hole.
      const std::size_t home = cells_[at].hash & mask_;
      if (((at - home) & mask_) < ((at - hole) & mask_)) continue;
      cells_[hole] = cells_[at];
      hole = at;
    }
    cells_[hole] = {};
    --used_;
  }
  [[nodiscard]] std::size_t size() const { return used_; }

 private:
  static constexpr std::uint32_t kFree = UINT32_MAX;
  struct Cell {
    std::uint64_t hash = 0;
    std::uint32_t slot = kFree;
  };
  std::vector<Cell> cells_;
  std::size_t mask_;
  std::size_t used_ = 0;
};

}  // namespace flagfall::master
