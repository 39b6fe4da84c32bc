// Any bytes as a MaxMind DB: an error of one line, or networks with orders in which no server stands twice.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <set>

#include "common/base/bytes.hh"
#include "director/geo.hh"

namespace director = flagfall::director;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const director::GeoOptions kOptions{
      {director::Place{50.11, 8.68}, director::Place{40.71, -74.01}, std::nullopt},
      {{"DE", false, 1, std::nullopt}, {"EU", true, 2, director::Place{1.35, 103.82}}},
      10000};
  const auto orders = director::geo_orders(flagfall::as_text(flagfall::Bytes(data, size)), "f", kOptions);
  if (!orders) {
    assert(orders.error().starts_with("f: ") && orders.error().find('\n') == std::string::npos);
    return 0;
  }
  std::set<flagfall::Prefix> seen;
  for (const director::PrefixOrder& entry : *orders) {
    assert(seen.insert(entry.prefix).second);
    assert(flagfall::masked(entry.prefix.ip, entry.prefix.length) == entry.prefix.ip);
    assert(entry.order.count == 3 && entry.order.group >= 1);
    assert((std::set<int>(entry.order.all().begin(), entry.order.all().end()).size() == 3));
  }
  return 0;
}
