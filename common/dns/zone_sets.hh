// A zone's records grouped by name and type, and checked: what RFCs 1034, 2181
// and 4592 forbid is an error with file and line, what they discourage a
// warning. Load time only.
#pragma once

#include <string>
#include <vector>

#include "common/dns/zone_file.hh"
#include "common/dns/zone_records.hh"
#include "common/dns/zone_tree.hh"

namespace flagfall::dns {

class ZoneSets {
 public:
  /// Groups the records; they and `apex` outlive this.
  ZoneSets(const ZoneText& text, const WireName& apex, NameTree& tree);

  /// The first thing that makes the zone unfit to serve; also fills warnings().
  Status check();

  /// What stands at a name; empty for an empty non-terminal.
  [[nodiscard]] const std::vector<RrSet>& at(NameTree::Index node) const { return sets_[node]; }
  /// nullptr when there is none.
  [[nodiscard]] const RrSet* get(NameTree::Index node, std::uint16_t type) const;
  /// A delegation: NS below the apex.
  [[nodiscard]] bool cut(NameTree::Index node) const;
  /// A delegation or a DNAME: names below are not answered from this zone's other data.
  [[nodiscard]] bool stops(NameTree::Index node) const;
  [[nodiscard]] WireName name_of(NameTree::Index node) const;

  /// Where an authoritative answer for `name` would come from.
  struct Place {
    enum class Kind : std::uint8_t { outside, below_stop, missing, exact, wildcard } kind = Kind::outside;
    NameTree::Index node = NameTree::kApex;  // when exact or wildcard
  };
  [[nodiscard]] Place locate(Bytes name) const;
  /// The node of that very name, even below a delegation: for glue. False when there is none.
  [[nodiscard]] bool find_exact(Bytes name, NameTree::Index& node) const;

  [[nodiscard]] std::vector<std::string> take_warnings() { return std::move(warnings_); }

 private:
  void group(const ZoneRecord& record);
  Status check_apex() const;
  Status check_node(NameTree::Index node) const;
  void warn();
  [[nodiscard]] Error error(const RrSet& set, const std::string& what) const;

  const ZoneText& text_;
  const WireName& apex_;
  NameTree& tree_;
  std::vector<std::vector<RrSet>> sets_;
  std::vector<std::string> warnings_;
};

}  // namespace flagfall::dns
