// Servers of one service, as the director names them: by their place among the
// service's [[service.slave]] entries.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace flagfall::director {

/// Servers of one service at most: bits of a ServerMask.
inline constexpr std::size_t kMostServers = 64;
using ServerIndex = std::uint8_t;
using ServerMask = std::uint64_t;

constexpr ServerMask bit(ServerIndex server) {
  return ServerMask{1} << server;
}

/// Servers in order of preference, best first. The first `group` of them are equally good: who
/// answers draws one by their weights. No server stands in it twice.
struct Order {
  static constexpr std::size_t kMost = 8;
  std::array<ServerIndex, kMost> servers{};
  std::uint8_t count = 0;
  std::uint8_t group = 0;  // 1..count; 0 only while empty

  /// One server alone.
  static Order of(ServerIndex server) {
    Order out;
    out.push(server);
    return out;
  }
  /// Behind the others, while there is room and it is not in it yet.
  void push(ServerIndex server) {
    if (count == kMost || has(server)) return;
    servers.at(count++) = server;
    group = std::max<std::uint8_t>(group, 1);
  }
  [[nodiscard]] bool empty() const { return count == 0; }
  [[nodiscard]] ServerIndex best() const { return servers.front(); }
  [[nodiscard]] std::span<const ServerIndex> all() const { return std::span(servers).first(count); }
  [[nodiscard]] bool has(ServerIndex server) const { return std::ranges::find(all(), server) != all().end(); }
  bool operator==(const Order& o) const {
    return count == o.count && group == o.group && std::ranges::equal(all(), o.all());
  }
};

}  // namespace flagfall::director
