#include "simulate/places.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>
#include <optional>
#include <unordered_set>

#include "director/whole_file.hh"
#include "simulate/fields.hh"
#include "simulate/matrix.hh"

namespace flagfall::simulate {
namespace {

constexpr std::size_t kMostPlacesFile = std::size_t{128} << 20;  // octets

std::optional<double> degrees(std::string_view text, double most) {
  double value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || at != text.data() + text.size()) return std::nullopt;
  if (!(value >= -most && value <= most)) return std::nullopt;
  return value;
}

/// A normal variable (Box and Muller, 1958).
double normal(SeededRandom& random) {
  const double u = 1 - random.unit();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * random.unit());
}

}  // namespace

Result<Places> parse_places(std::string_view text, const std::string& name) {
  Places out;
  std::unordered_set<std::string> seen;
  std::size_t number = 0;
  text = without_mark(text);
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    ++number;
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const auto wrong = [&](const std::string& what) {
      return Error{fmt::format("{}:{}: {}", name, number, what)};
    };
    std::array<std::string_view, 4> fields;
    std::size_t count = 0;
    for (std::size_t from = 0; count < 5;) {
      const auto comma = line.find(',', from);
      if (count < 4)
        fields.at(count) = field(line.substr(from, comma == std::string_view::npos ? comma : comma - from));
      ++count;
      if (comma == std::string_view::npos) break;
      from = comma + 1;
    }
    const bool site = fields[0] == "site";
    if (count != 4 || (!site && fields[0] != "client"))
      return wrong("write 'site,NAME,NORTH,EAST' or 'client,NAME,NORTH,EAST'");
    if (fields[1].empty() || fields[1].size() > kMostName || std::ranges::any_of(fields[1], no_letter))
      return wrong(fmt::format("a name has 1 to {} characters, and no quote", kMostName));
    const auto north = degrees(fields[2], 90);
    const auto east = degrees(fields[3], 180);
    if (!north || !east) return wrong("degrees north are from -90 to 90, degrees east from -180 to 180");
    auto& list = site ? out.sites : out.clients;
    if (!seen.insert(std::string(fields[0]) + ' ' + std::string(fields[1])).second)
      return wrong(fmt::format("{} '{}' twice", fields[0], fields[1]));
    if (list.size() >= (site ? kMostSites : kMostPlaces))
      return wrong(fmt::format("more than {} sites or {} client places", kMostSites, kMostPlaces));
    list.push_back({std::string(fields[1]), {*north, *east}});
  }
  if (out.sites.empty() || out.clients.empty())
    return Error{name + ": it takes one site and one client place at least"};
  return out;
}

Result<Places> load_places(const std::string& path) {
  const auto text = director::read_whole_file(path, kMostPlacesFile);
  if (!text) return Error{text.error()};
  return parse_places(*text, path);
}

Places random_places(std::size_t sites, std::size_t clients, SeededRandom& random) {
  // Towns lie between 40 degrees south and 65 north; what belongs to one is within some hundred kilometres.
  constexpr double kSpread = 1.5;  // degrees
  std::vector<director::Place> towns(std::max<std::size_t>(sites / 4, 40));
  for (auto& town : towns) town = {random.unit() * 105 - 40, random.unit() * 360 - 180};
  const auto near_a_town = [&] {
    const director::Place& town = towns[random.next() % towns.size()];
    const double east = town.longitude + normal(random) * kSpread;
    return director::Place{std::clamp(town.latitude + normal(random) * kSpread, -90.0, 90.0),
                           east > 180    ? east - 360
                           : east < -180 ? east + 360
                                         : east};
  };
  Places out;
  for (std::size_t i = 0; i < sites; ++i) out.sites.push_back({fmt::format("s{}", i + 1), near_a_town()});
  for (std::size_t i = 0; i < clients; ++i) out.clients.push_back({fmt::format("c{}", i + 1), near_a_town()});
  return out;
}

}  // namespace flagfall::simulate
