// Owns all nodes of an editor and its tables, and makes new trees from old ones: nodes that do not change are
// shared, the others are replaced. A node that was replaced goes when the last table that shows it is gone.
// The editor's thread, but for the destructor: that runs where the last of editor and tables goes.
#pragma once

#include <list>

#include "director/prefix_node.hh"

namespace flagfall::director {

class PrefixNodes {
 public:
  PrefixNodes() = default;
  ~PrefixNodes();
  PrefixNodes(const PrefixNodes&) = delete;
  PrefixNodes& operator=(const PrefixNodes&) = delete;

  /// The tree with these changes, sorted; `root` is not to be used any more.
  PrefixSlot change(PrefixSlot root, std::span<const PrefixEntry> changes);
  /// These trees are shown from now on, as the next generation. The life is the table's; it ends before the
  /// table lets go of this object.
  PrefixLife& publish(std::span<const PrefixSlot> roots);
  /// The editor goes: what it had not published goes too.
  void close(std::span<const PrefixSlot> roots);

  /// Octets of the nodes that the newest tree has, and of those that only older ones have.
  [[nodiscard]] std::size_t memory() const { return memory_; }
  [[nodiscard]] std::size_t retired_memory() const { return retired_memory_; }

 private:
  struct Retired {
    PrefixNode* node;
    std::uint64_t died;  // the first generation without it
  };
  PrefixSlot change(PrefixSlot slot, std::span<const PrefixEntry> changes, unsigned base, WideAddress path,
                    std::uint32_t inherited);
  PrefixSlot change_inner(const PrefixNode& old, std::span<const PrefixEntry> changes, unsigned base,
                          WideAddress path, std::uint32_t inherited);
  PrefixSlot build(std::span<const PrefixEntry> entries, unsigned base, std::uint32_t inherited);
  PrefixSlot make_leaf(std::span<const PrefixEntry> entries, unsigned base, std::uint32_t inherited);
  PrefixSlot make_inner(std::span<const PrefixSlot> slots, std::span<const PrefixEntry> own,
                        std::size_t entries, unsigned base, std::uint32_t inherited);
  PrefixNode& make(std::size_t size);
  void retire(const PrefixNode& node);
  void retire_tree(PrefixSlot slot);
  void sweep();
  [[nodiscard]] bool shown(const Retired& retired) const;

  std::uint64_t generation_ = 1;  // the next to be published
  std::list<PrefixLife> lives_;   // oldest first
  std::vector<Retired> retired_;
  std::vector<PrefixSlot> shown_;  // the newest roots
  std::vector<PrefixSpan> spans_;  // scratch
  std::size_t memory_ = 0;
  std::size_t retired_memory_ = 0;
};

}  // namespace flagfall::director
