// Who asks: client networks (/24), where they are, what their addresses are, and how often each asks. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/random.hh"
#include "common/base/result.hh"

namespace flagfall::simulate {

inline constexpr unsigned kMostNetworks = 256;   // that a /16 has room for
inline constexpr unsigned kMostResolvers = 250;  // of a /24

struct PopulationOptions {
  unsigned networks = 4;       // of each place, side by side
  unsigned places_per_16 = 1;  // that share a /16 of the address space
  unsigned resolvers = 2;      // addresses that ask, of each network
  double zipf = 0.9;           // the n-th network asks n^-zipf as often as the first
};

class Population {
 public:
  static Result<Population> make(const PopulationOptions& options, std::size_t places, SeededRandom& random);

  [[nodiscard]] std::size_t networks() const { return places_ * options_.networks; }
  [[nodiscard]] std::size_t place_of(std::size_t network) const { return network / options_.networks; }
  /// Of a network's resolver, 0 to PopulationOptions::resolvers - 1.
  [[nodiscard]] IpAddress address(std::size_t network, unsigned resolver) const;
  /// The place whose address this is.
  [[nodiscard]] std::size_t place_at(const IpAddress& address) const;
  /// Who asks next, by popularity.
  [[nodiscard]] std::size_t draw(SeededRandom& random) const;

 private:
  Population(const PopulationOptions& options, std::size_t places) : options_(options), places_(places) {}
  PopulationOptions options_;
  std::size_t places_;
  std::vector<std::uint32_t> slot_;  // by place: where it stands in the address space
  std::vector<std::uint32_t> place_of_slot_;
  std::vector<double> cumulative_;  // by network, of popularity
};

}  // namespace flagfall::simulate
