#include "simulate/latencies.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <unordered_map>

#include "common/base/random.hh"

namespace flagfall::simulate {
namespace {

class OfMatrix final : public Latencies {
 public:
  Matrix matrix;
  std::vector<std::size_t> columns;                // by site
  std::vector<std::optional<std::size_t>> row_of;  // by site: the row of its name
  std::vector<std::size_t> rows;                   // by place
  std::vector<director::Place> site_at, place_at;  // empty without coordinates

  [[nodiscard]] std::size_t slices() const override { return matrix.slices; }
  [[nodiscard]] std::size_t places() const override { return rows.size(); }
  [[nodiscard]] std::size_t sites() const override { return columns.size(); }
  [[nodiscard]] const std::string& site_name(std::size_t site) const override {
    return matrix.columns[columns[site]];
  }
  [[nodiscard]] double rtt(std::size_t slice, std::size_t place, std::size_t site) const override {
    return matrix.at(slice, rows[place], columns[site]);
  }
  [[nodiscard]] std::optional<double> between(std::size_t slice, std::size_t a,
                                              std::size_t b) const override {
    if (row_of[a]) return matrix.at(slice, *row_of[a], columns[b]);
    if (row_of[b]) return matrix.at(slice, *row_of[b], columns[a]);
    return std::nullopt;
  }
  [[nodiscard]] bool has_coordinates() const override { return !place_at.empty(); }
  [[nodiscard]] double kilometres(std::size_t place, std::size_t site) const override {
    return director::kilometres(place_at[place], site_at[site]);
  }
};

/// Light in fibre: c / 1.4682 (group index of G.652 fibre at 1,550 nm), in kilometres a millisecond.
constexpr double kFibre = 299.792458 / 1.4682;

class OfPlaces final : public Latencies {
 public:
  OfPlaces(Places places, const GlobeOptions& options) : places_(std::move(places)), options_(options) {
    for (const NamedPlace& p : places_.sites) site_at_.push_back(vector_of(p.at));
    for (const NamedPlace& p : places_.clients) place_at_.push_back(vector_of(p.at));
  }
  [[nodiscard]] std::size_t slices() const override { return 1; }
  [[nodiscard]] std::size_t places() const override { return place_at_.size(); }
  [[nodiscard]] std::size_t sites() const override { return site_at_.size(); }
  [[nodiscard]] const std::string& site_name(std::size_t site) const override {
    return places_.sites[site].name;
  }
  [[nodiscard]] double rtt(std::size_t /*slice*/, std::size_t place, std::size_t site) const override {
    return ms(distance(place_at_[place], site_at_[site]), place, kMostPlaces + site);
  }
  [[nodiscard]] std::optional<double> between(std::size_t /*slice*/, std::size_t a,
                                              std::size_t b) const override {
    if (a == b) return 0;
    return ms(distance(site_at_[a], site_at_[b]), kMostPlaces + std::min(a, b), kMostPlaces + std::max(a, b));
  }
  [[nodiscard]] bool has_coordinates() const override { return true; }
  [[nodiscard]] double kilometres(std::size_t place, std::size_t site) const override {
    return distance(place_at_[place], site_at_[site]);
  }

 private:
  struct Vector {
    double x, y, z;
  };
  static Vector vector_of(const director::Place& p) {
    const double north = p.latitude * std::numbers::pi / 180, east = p.longitude * std::numbers::pi / 180;
    return {std::cos(north) * std::cos(east), std::cos(north) * std::sin(east), std::sin(north)};
  }
  /// From the chord: exact also where places are near. A hundred million of these are asked for.
  static double distance(const Vector& a, const Vector& b) {
    constexpr double kRadius = 6371.0088;
    const double x = a.x - b.x, y = a.y - b.y, z = a.z - b.z;
    return 2 * kRadius * std::asin(std::min(1.0, std::sqrt(x * x + y * y + z * z) / 2));
  }
  /// The factor of a pair is drawn by a hash, so that nothing is kept: the sum of eight uniform octets is as
  /// good as normal.
  [[nodiscard]] double ms(double kilometres, std::size_t a, std::size_t b) const {
    std::uint64_t lot = SeededRandom(options_.seed ^ (std::uint64_t{a} << 32U) ^ b).next();
    double sum = 0;
    for (int i = 0; i < 8; ++i, lot >>= 8U) sum += static_cast<double>(lot & 0xffU) / 255 - 0.5;
    const double factor = std::exp(options_.spread * sum / std::sqrt(8.0 / 12));
    return options_.access_ms + 2 * kilometres / kFibre * options_.stretch * factor;
  }

  Places places_;
  GlobeOptions options_;
  std::vector<Vector> site_at_, place_at_;
};

Error without_coordinates(const char* kind, const std::string& name) {
  return Error{fmt::format("--places: {0} '{1}' of the matrix has no line '{0},{1},NORTH,EAST'", kind, name)};
}

}  // namespace

Result<std::unique_ptr<Latencies>> of_matrix(Matrix matrix, const std::vector<std::size_t>& sites,
                                             const Places* coordinates) {
  if (sites.empty()) return Error{"the matrix has no sites"};
  if (sites.size() > kMostSites)
    return Error{
        fmt::format("the matrix has {} sites, and more than {} cannot be played: choose some by --site",
                    sites.size(), kMostSites)};
  auto out = std::make_unique<OfMatrix>();
  std::unordered_map<std::string, std::size_t> row_of;
  for (std::size_t i = 0; i < matrix.rows.size(); ++i) row_of.emplace(matrix.rows[i], i);
  std::vector<bool> is_site(matrix.rows.size());
  // Numbers are names of the same thing only in a square of all with all.
  const bool numbered = matrix.rows.front() == "1" && matrix.columns.front() == "1";
  const bool same = !numbered || matrix.rows == matrix.columns;
  for (const std::size_t column : sites) {
    const auto row = row_of.find(matrix.columns[column]);
    const bool known = same && row != row_of.end();
    out->columns.push_back(column);
    out->row_of.push_back(known ? std::optional(row->second) : std::nullopt);
    if (known) is_site[row->second] = true;
  }
  for (std::size_t i = 0; i < matrix.rows.size(); ++i)
    if (!is_site[i]) out->rows.push_back(i);
  if (out->rows.empty()) return Error{"the matrix has no row that is not a site: no clients are left"};
  if (coordinates != nullptr) {
    std::unordered_map<std::string, director::Place> site_at, place_at;
    for (const NamedPlace& p : coordinates->sites) site_at.emplace(p.name, p.at);
    for (const NamedPlace& p : coordinates->clients) place_at.emplace(p.name, p.at);
    for (const std::size_t column : out->columns) {
      const auto at = site_at.find(matrix.columns[column]);
      if (at == site_at.end()) return without_coordinates("site", matrix.columns[column]);
      out->site_at.push_back(at->second);
    }
    for (const std::size_t row : out->rows) {
      const auto at = place_at.find(matrix.rows[row]);
      if (at == place_at.end()) return without_coordinates("client", matrix.rows[row]);
      out->place_at.push_back(at->second);
    }
  }
  out->matrix = std::move(matrix);
  return std::unique_ptr<Latencies>(std::move(out));
}

std::unique_ptr<Latencies> of_places(Places places, const GlobeOptions& options) {
  return std::make_unique<OfPlaces>(std::move(places), options);
}

}  // namespace flagfall::simulate
