// The truth of a simulation: round trips between client places and sites, and between sites, over time.
// Immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hh"
#include "simulate/matrix.hh"
#include "simulate/places.hh"

namespace flagfall::simulate {

class Latencies {
 public:
  virtual ~Latencies() = default;
  [[nodiscard]] virtual std::size_t slices() const = 0;
  [[nodiscard]] virtual std::size_t places() const = 0;
  [[nodiscard]] virtual std::size_t sites() const = 0;
  [[nodiscard]] virtual const std::string& site_name(std::size_t site) const = 0;
  /// Milliseconds.
  [[nodiscard]] virtual double rtt(std::size_t slice, std::size_t place, std::size_t site) const = 0;
  /// None: not known.
  [[nodiscard]] virtual std::optional<double> between(std::size_t slice, std::size_t a,
                                                      std::size_t b) const = 0;
  /// Whether it is known where all sites and places are.
  [[nodiscard]] virtual bool has_coordinates() const = 0;
  /// By the great circle. has_coordinates() must hold.
  [[nodiscard]] virtual double kilometres(std::size_t place, std::size_t site) const = 0;

 protected:
  Latencies() = default;
  Latencies(const Latencies&) = default;
  Latencies& operator=(const Latencies&) = default;
};

/// Columns `sites` of the matrix are the sites; rows that have no site's name are the client places.
/// `coordinates`, if there are: of each of these sites and places by its name; others' are not looked at.
Result<std::unique_ptr<Latencies>> of_matrix(Matrix matrix, const std::vector<std::size_t>& sites,
                                             const Places* coordinates);

/// From coordinates: distance / (fibre's speed) * stretch * a factor of the pair, and `access` beside. Rule
/// of thumb for the stretch: 2.1 (Bozkurt et al., "Dissecting Latency in the Internet's Fiber
/// Infrastructure", 2018).
struct GlobeOptions {
  double stretch = 2.1;
  double spread = 0.25;  // of the factor's logarithm: routes differ
  double access_ms = 2;
  std::uint64_t seed = 1;
};
std::unique_ptr<Latencies> of_places(Places places, const GlobeOptions& options);

}  // namespace flagfall::simulate
