// Client networks and their servers, as files say: what a prefix table is filled with.
#pragma once

#include <vector>

#include "common/base/ip.hh"
#include "director/order.hh"

namespace flagfall::director {

struct PrefixOrder {
  Prefix prefix;
  Order order;  // not empty
  bool operator==(const PrefixOrder&) const = default;
};

/// Each prefix once; the longest that holds an address is the one that counts.
using PrefixOrders = std::vector<PrefixOrder>;

}  // namespace flagfall::director
