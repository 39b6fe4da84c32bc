#include "director/geo.hh"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "director/mmdb_file.hh"
#include "director/mmdb_guard.hh"
#include "director/whole_file.hh"

namespace flagfall::director {
namespace {

std::optional<double> number_at(MMDB_entry_s entry, const char* map, const char* key) {
  MMDB_entry_data_s data;
  const std::array<const char*, 3> path{map, key, nullptr};
  if (MMDB_aget_value(&entry, &data, path.data()) != MMDB_SUCCESS || !data.has_data) return std::nullopt;
  if (data.type == MMDB_DATA_TYPE_DOUBLE) return data.double_value;
  if (data.type == MMDB_DATA_TYPE_FLOAT) return data.float_value;
  return std::nullopt;
}

std::string_view text_at(MMDB_entry_s entry, const char* map, const char* key) {
  MMDB_entry_data_s data;
  const std::array<const char*, 3> path{map, key, nullptr};
  if (MMDB_aget_value(&entry, &data, path.data()) != MMDB_SUCCESS || !data.has_data ||
      data.type != MMDB_DATA_TYPE_UTF8_STRING)
    return {};
  return {data.utf8_string, data.data_size};
}

std::optional<Place> place_of(const MMDB_entry_s& entry) {
  const auto latitude = number_at(entry, "location", "latitude");
  const auto longitude = number_at(entry, "location", "longitude");
  // Written so that what is not a number fails, too.
  if (!latitude || !longitude || !(std::abs(*latitude) <= 90) || !(std::abs(*longitude) <= 180))
    return std::nullopt;
  return Place{*latitude, *longitude};
}

Order region_order(const GeoRegion& region, const std::vector<std::optional<Place>>& places) {
  Order out;
  for (ServerMask left = region.servers; left != 0; left &= left - 1)
    out.push(static_cast<ServerIndex>(std::countr_zero(left)));
  out.group = out.count;
  Order others = region.at ? by_distance(*region.at, places) : Order{};
  if (out.empty()) return others;
  for (const ServerIndex server : others.all()) out.push(server);
  for (std::size_t i = 0; i < places.size(); ++i) out.push(static_cast<ServerIndex>(i));
  return out;
}

/// Walks the search tree depth first; what a subtree has in common goes up, what differs becomes prefixes.
class Walk {
 public:
  Walk(const MmdbFile& file, const GeoOptions& options)
      : file_(file),
        options_(options),
        guard_(file.data_section(),
               std::uint64_t{16} * static_cast<std::uint64_t>(file.db().file_size) + 65536),
        visits_(std::uint64_t{2} * file.nodes() + 256),
        embedded_(file.depth() == 128 ? file.db().ipv4_start_node.node_value : file.nodes()) {}

  Result<PrefixOrders> run() {
    Prefix root;
    root.ip.family = file_.depth() == 128 ? Family::v6 : Family::v4;
    emit(root, node(0, root));
    if (!wrong_.empty()) return Error{wrong_};
    return std::move(out_);
  }

 private:
  /// An order's number. 0: none.
  using Id = std::uint32_t;
  static constexpr Id kMixed = ~Id{0};

  Id fail(std::string text) {
    if (wrong_.empty()) wrong_ = std::move(text);
    return 0;
  }

  void emit(const Prefix& prefix, Id id) {
    if (id == 0 || id == kMixed || !wrong_.empty()) return;
    if (out_.size() == options_.most) {
      fail(fmt::format("has more than {} networks with servers of their own", options_.most));
      return;
    }
    out_.push_back({prefix, orders_[id]});
  }

  /// ::/96, where IPv6 files have IPv4.
  static bool embeds(const Prefix& prefix) {
    return prefix.ip.family == Family::v6 && prefix.length == 96 && prefix.ip.unspecified();
  }

  Id node(std::uint32_t number, const Prefix& prefix) {
    if (!wrong_.empty()) return 0;
    if (visits_-- == 0) return fail("is damaged: its search tree goes round in circles");
    MMDB_search_node_s both;
    if (prefix.length >= prefix.ip.size() * 8 || MMDB_read_node(&file_.db(), number, &both) != MMDB_SUCCESS)
      return fail("is damaged: its search tree is not whole");
    Prefix right = prefix;
    right.ip.octets.at(prefix.length / 8) |= static_cast<std::uint8_t>(0x80U >> prefix.length % 8);
    Prefix left = prefix;
    ++left.length;
    ++right.length;
    const Id a = record(both.left_record, both.left_record_type, both.left_record_entry, left);
    const Id b = record(both.right_record, both.right_record_type, both.right_record_entry, right);
    if (a == b) return a;
    emit(left, a);
    emit(right, b);
    return kMixed;
  }

  Id record(std::uint64_t value, std::uint8_t type, const MMDB_entry_s& entry, const Prefix& prefix) {
    switch (type) {
      case MMDB_RECORD_TYPE_SEARCH_NODE: {
        if (embeds(prefix)) {
          emit(Prefix{}, node(static_cast<std::uint32_t>(value), Prefix{}));
          return 0;
        }
        // A copy of the IPv4 tree, for 6to4 and the like.
        if (value == embedded_ && file_.db().ipv4_start_node.netmask == 96 && prefix.ip.family == Family::v6)
          return 0;
        return node(static_cast<std::uint32_t>(value), prefix);
      }
      case MMDB_RECORD_TYPE_EMPTY:
        return 0;
      case MMDB_RECORD_TYPE_DATA: {
        const Id id = data(entry);
        // It holds all of ::/96, or is within: IPv4 as a whole has this one.
        if (prefix.ip.family == Family::v6 && prefix.length <= 96 && prefix.ip.unspecified())
          emit(Prefix{}, id);
        return embeds(prefix) ? 0 : id;
      }
      default:
        return fail("is damaged: its search tree points outside of it");
    }
  }

  Id data(const MMDB_entry_s& entry) {
    const auto [at, fresh] = known_.emplace(entry.offset, 0);
    if (!fresh) return at->second;
    if (!guard_.harmless(entry.offset)) return fail("is damaged: a network's data is not whole");
    return at->second = id_of(order_of(entry));
  }

  [[nodiscard]] Order order_of(const MMDB_entry_s& entry) const {
    if (const auto place = place_of(entry)) return by_distance(*place, options_.places);
    for (const auto& [map, key, continent] : {std::tuple("country", "iso_code", false),
                                              {"registered_country", "iso_code", false},
                                              {"continent", "code", true}}) {
      const std::string_view code = text_at(entry, map, key);
      for (const GeoRegion& region : options_.regions)
        if (region.continent == continent && !code.empty() && region.code == code)
          return region_order(region, options_.places);
    }
    return {};
  }

  Id id_of(const Order& order) {
    if (order.empty()) return 0;
    const std::string key = fmt::format("{} {}", order.group, fmt::join(order.all(), " "));
    const auto [at, fresh] = ids_.emplace(key, static_cast<Id>(orders_.size()));
    if (fresh) orders_.push_back(order);
    return at->second;
  }

  const MmdbFile& file_;
  const GeoOptions& options_;
  MmdbGuard guard_;
  std::uint64_t visits_;
  std::uint32_t embedded_;  // the node of ::/96
  std::vector<Order> orders_{Order{}};
  std::unordered_map<std::string, Id> ids_;
  std::unordered_map<std::uint32_t, Id> known_;  // by offset
  PrefixOrders out_;
  std::string wrong_;
};

Result<PrefixOrders> walked(const Result<MmdbFile>& file, const std::string& name,
                            const GeoOptions& options) {
  if (!file) return Error{fmt::format("{}: {}", name, file.error())};
  auto orders = Walk(*file, options).run();
  if (!orders) return Error{fmt::format("{}: {}", name, orders.error())};
  return orders;
}

}  // namespace

double kilometres(const Place& a, const Place& b) {
  constexpr double kRadius = 6371.0088;  // IUGG mean radius R1
  constexpr double kDegree = std::numbers::pi / 180;
  // The haversine keeps its precision where places are near; min() is for antipodes and rounding.
  const double latitude = std::sin((b.latitude - a.latitude) * kDegree / 2);
  const double longitude = std::sin((b.longitude - a.longitude) * kDegree / 2);
  const double h = latitude * latitude +
                   std::cos(a.latitude * kDegree) * std::cos(b.latitude * kDegree) * longitude * longitude;
  return 2 * kRadius * std::asin(std::min(1.0, std::sqrt(h)));
}

Order by_distance(const Place& from, const std::vector<std::optional<Place>>& places) {
  std::vector<std::pair<double, ServerIndex>> placed;
  Order rest;
  for (std::size_t i = 0; i < std::min(places.size(), kMostServers); ++i) {
    if (places[i])
      placed.emplace_back(kilometres(from, *places[i]), static_cast<ServerIndex>(i));
    else
      rest.push(static_cast<ServerIndex>(i));
  }
  Order out;
  if (placed.empty()) return out;
  std::ranges::sort(placed);
  for (const auto& [distance, server] : placed) out.push(server);
  const auto nearest =
      std::ranges::count(placed, placed.front().first, [](const auto& p) { return p.first; });
  out.group = static_cast<std::uint8_t>(std::min<std::ptrdiff_t>(nearest, out.count));
  for (const ServerIndex server : rest.all()) out.push(server);
  return out;
}

Result<PrefixOrders> geo_orders(std::string_view database, const std::string& name,
                                const GeoOptions& options) {
  return walked(MmdbFile::open(database), name, options);
}

Result<PrefixOrders> load_geo(const std::string& path, const GeoOptions& options) {
  auto octets = read_whole_file(path, kMostGeoFile);
  if (!octets) return Error{octets.error()};
  const auto file = MmdbFile::open(*octets);
  *octets = {};  // the file has a copy; these may be many
  octets->shrink_to_fit();
  return walked(file, path, options);
}

}  // namespace flagfall::director
