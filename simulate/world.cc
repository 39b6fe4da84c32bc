#include "simulate/world.hh"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

namespace flagfall::simulate {
namespace {

/// Columns of the matrix: those that are named; otherwise all, or some by lot when it is one of all by all.
Result<std::vector<std::size_t>> choose_sites(const Words& words, const Matrix& matrix) {
  std::vector<std::size_t> out;
  for (const std::string& name : words.site_names) {
    const auto at = std::ranges::find(matrix.columns, name);
    if (at == matrix.columns.end())
      return Error{fmt::format("--site {}: the matrix has no such column", name)};
    const auto column = static_cast<std::size_t>(at - matrix.columns.begin());
    if (std::ranges::find(out, column) == out.end()) out.push_back(column);
  }
  if (!out.empty()) return out;
  out.resize(matrix.columns.size());
  std::iota(out.begin(), out.end(), std::size_t{0});
  if (matrix.rows != matrix.columns) return out;
  if (out.size() < 2)
    return Error{"a matrix of all by all takes two rows at least: a site and a client place"};
  SeededRandom lots(words.options.seed ^ 0x5173'5000U);
  const std::size_t many = std::min(words.sites, out.size() - 1);
  for (std::size_t i = 0; i < many; ++i) std::swap(out[i], out[i + lots.next() % (out.size() - i)]);
  out.resize(many);
  return out;
}

}  // namespace

Result<std::unique_ptr<Latencies>> make_world(const Words& words) {
  std::optional<Places> places;
  if (!words.places.empty()) {
    auto read = load_places(words.places);
    if (!read) return Error{read.error()};
    places = std::move(*read);
  }
  if (!words.matrix.empty()) {
    auto matrix = load_matrix(words.matrix);
    if (!matrix) return Error{matrix.error()};
    const auto sites = choose_sites(words, *matrix);
    if (!sites) return Error{sites.error()};
    return of_matrix(std::move(*matrix), *sites, places ? &*places : nullptr);
  }
  if (!places) {
    SeededRandom lots(words.options.seed ^ 0x91ace5U);
    places = random_places(words.invented_sites, words.invented_places, lots);
  }
  return of_places(std::move(*places), {.seed = words.options.seed});
}

}  // namespace flagfall::simulate
