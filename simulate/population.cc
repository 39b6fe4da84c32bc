#include "simulate/population.hh"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace flagfall::simulate {
namespace {

/// From 11.0.0.0 to 223.255.0.0.
constexpr std::uint32_t kFirst16 = 11U << 8U, kMost16 = (224U - 11U) << 8U;

template <class T>
void shuffle(std::vector<T>& list, SeededRandom& random) {
  for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[random.next() % i]);
}

}  // namespace

Result<Population> Population::make(const PopulationOptions& options, std::size_t places,
                                    SeededRandom& random) {
  const auto fits = [](unsigned n) { return n >= 1 && n <= kMostNetworks; };
  // A place has room for a power of two of /24 networks.
  if (!fits(options.networks) || !fits(options.places_per_16) ||
      std::bit_ceil(options.networks) * options.places_per_16 > kMostNetworks)
    return Error{fmt::format("{} networks for each of {} places do not fit into a /16", options.networks,
                             options.places_per_16)};
  if (options.resolvers == 0 || options.resolvers > kMostResolvers)
    return Error{fmt::format("a network has 1 to {} resolvers", kMostResolvers)};
  if ((places + options.places_per_16 - 1) / options.places_per_16 > kMost16)
    return Error{fmt::format("{} places with {} in each /16 do not fit into IPv4: take more for each", places,
                             options.places_per_16)};
  Population out(options, places);
  out.slot_.resize(places);
  std::iota(out.slot_.begin(), out.slot_.end(), 0U);
  shuffle(out.slot_, random);
  out.place_of_slot_.resize(places);
  for (std::uint32_t p = 0; p < places; ++p) out.place_of_slot_[out.slot_[p]] = p;
  std::vector<std::uint32_t> rank(out.networks());
  std::iota(rank.begin(), rank.end(), 1U);
  shuffle(rank, random);
  double sum = 0;
  for (const std::uint32_t r : rank) out.cumulative_.push_back(sum += std::pow(r, -options.zipf));
  return out;
}

IpAddress Population::address(std::size_t network, unsigned resolver) const {
  const std::uint32_t slot = slot_[place_of(network)];
  const auto room = static_cast<std::uint32_t>(std::bit_ceil(options_.networks));
  const std::uint32_t sixteen = kFirst16 + slot / options_.places_per_16;
  const auto inner = static_cast<std::uint32_t>(std::uint64_t{slot % options_.places_per_16} * room +
                                                network % options_.networks);
  IpAddress out;
  out.octets[0] = static_cast<std::uint8_t>(sixteen >> 8U);
  out.octets[1] = static_cast<std::uint8_t>(sixteen);
  out.octets[2] = static_cast<std::uint8_t>(inner);
  out.octets[3] = static_cast<std::uint8_t>(resolver + 1);
  return out;
}

std::size_t Population::place_at(const IpAddress& address) const {
  const auto room = static_cast<std::uint32_t>(std::bit_ceil(options_.networks));
  const std::uint32_t sixteen = (std::uint32_t{address.octets[0]} << 8U | address.octets[1]) - kFirst16;
  return place_of_slot_[sixteen * options_.places_per_16 + address.octets[2] / room];
}

std::size_t Population::draw(SeededRandom& random) const {
  const auto at = std::ranges::upper_bound(cumulative_, random.unit() * cumulative_.back());
  return std::min(static_cast<std::size_t>(at - cumulative_.begin()), networks() - 1);
}

}  // namespace flagfall::simulate
