// What differs between two configurations in effect, key by key, for people: before a reload, and after it.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "common/config/value.hh"

namespace flagfall::config {

struct Difference {
  std::string key;  // "service.web.ttl_bound": elements of lists by their name, else by their number from 0
  std::string before;  // as TOML; empty: it was not there
  std::string after;   // empty: it is not there any more
  bool operator==(const Difference&) const = default;
};

/// In the keys' order. Both are tables. A whole section or element that only one of them has is one
/// difference.
std::vector<Difference> differences(const Value& before, const Value& after);

/// "service.web.ttl_bound: 60 -> 120"
std::string to_text(const Difference& difference);

}  // namespace flagfall::config
