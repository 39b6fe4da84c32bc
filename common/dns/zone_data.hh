// What a loaded zone consists of: the tree of names, and for each name what to
// answer for which type, worked out at load time. Immutable once built; any
// thread reads it.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "common/dns/zone.hh"
#include "common/dns/zone_name.hh"
#include "common/dns/zone_tree.hh"

namespace flagfall::dns {

struct ZoneData {
  /// The answer to one type.
  struct Entry {
    std::uint16_t type = 0;
    Lookup lookup;
  };
  /// Where the walk down the tree ends early: a delegation, or a DNAME.
  struct Stop {
    std::uint32_t below = 0;     // lookup for every name below
    std::uint32_t too_long = 0;  // lookup for names longer than `longest`
    std::uint16_t longest = 0;
  };
  struct Node {
    std::uint32_t first = 0;  // its entries are entries[first, first + count)
    std::uint16_t count = 0;
    std::uint32_t otherwise = 0;  // lookup for any other type
    std::uint32_t stop = 0;       // index into stops, 0: none
    std::int32_t service = -1;
  };

  explicit ZoneData(const wire::SipKey& key) : tree(key), stops(1) {}

  WireName apex;
  NameTree tree;
  std::vector<Node> nodes;  // by NameTree::Index
  std::vector<Entry> entries;
  std::vector<Stop> stops;
  std::vector<Lookup> lookups;
  std::deque<wire::PreparedRecords> blocks;  // what lookups point to
  Lookup nxdomain;
  std::vector<std::pair<WireName, std::vector<WireName>>> delegations;
  std::size_t records = 0;
  std::vector<std::string> warnings;
};

}  // namespace flagfall::dns
