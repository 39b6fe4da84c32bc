// Any bytes as a prefix file: errors, each at a line, or a map that says the same when it is written and read
// again.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.hh"
#include "director/static_map.hh"

namespace director = flagfall::director;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> kServers{"a", "b", "fra", "c", "d", "e", "f", "g", "h", "i"};
  const auto map = director::parse_static_map(flagfall::as_text(flagfall::Bytes(data, size)), "f", kServers);
  if (!map) {
    assert(map.error().starts_with("f:") && map.error().size() < 8192);
    return 0;
  }
  std::string text;
  for (const director::PrefixOrder& entry : *map) {
    assert(!entry.order.empty() && entry.order.group == 1);
    assert(flagfall::masked(entry.prefix.ip, entry.prefix.length) == entry.prefix.ip);
    text += to_string(entry.prefix);
    for (const director::ServerIndex server : entry.order.all()) text += " " + kServers.at(server);
    text += '\n';
  }
  const auto again = director::parse_static_map(text, "f", kServers);
  assert(again.ok() && *again == *map);
  return 0;
}
