#include "simulate/yardsticks.hh"

#include <algorithm>
#include <limits>

namespace flagfall::simulate {
namespace {

/// Round trips that are looked at for the best single site; of more places a part speaks for all.
constexpr std::size_t kMostLooks = 20'000'000;
constexpr std::uint16_t kUnknown = 0xffff;

}  // namespace

Yardsticks::Yardsticks(const Latencies& world, std::uint64_t seed)
    : world_(world),
      lots_(seed),
      best_(world.places(), -1),
      nearest_(world.places(), kUnknown),
      asked_(world.slices(), std::vector<std::uint32_t>(world.places())),
      geo_(world.has_coordinates()) {}

void Yardsticks::set_slice(std::size_t slice) {
  slice_ = slice;
  std::ranges::fill(best_, -1.0F);
}

void Yardsticks::look(std::size_t place) {
  double least = std::numeric_limits<double>::max();
  for (std::size_t s = 0; s < world_.sites(); ++s) least = std::min(least, world_.rtt(slice_, place, s));
  best_[place] = static_cast<float>(least);
  if (!geo_ || nearest_[place] != kUnknown) return;
  double km = std::numeric_limits<double>::max();
  for (std::size_t s = 0; s < world_.sites(); ++s) {
    const double away = world_.kilometres(place, s);
    if (away >= km) continue;
    km = away;
    nearest_[place] = static_cast<std::uint16_t>(s);
  }
}

double Yardsticks::request(std::size_t place) {
  if (best_[place] < 0) look(place);
  ++asked_[slice_][place];
  const auto best = static_cast<double>(best_[place]);
  oracle_.add(best);
  if (geo_) geoip_.add(world_.rtt(slice_, place, nearest_[place]));
  in_turn_.add(world_.rtt(slice_, place, turn_++ % world_.sites()));
  random_.add(world_.rtt(slice_, place, lots_.next() % world_.sites()));
  return best;
}

std::vector<Choosing> Yardsticks::finish(std::string& best_single) {
  const std::size_t each =
      std::max<std::size_t>(world_.places() * world_.slices() * world_.sites() / kMostLooks, 1);
  std::size_t best = 0;
  double least = std::numeric_limits<double>::max();
  for (std::size_t s = 0; s < world_.sites(); ++s) {
    double sum = 0;
    for (std::size_t t = 0; t < world_.slices(); ++t)
      for (std::size_t p = 0; p < world_.places(); p += each)
        if (asked_[t][p] > 0) sum += asked_[t][p] * world_.rtt(t, p, s);
    if (sum >= least) continue;
    least = sum;
    best = s;
  }
  Spread single;
  for (std::size_t t = 0; t < world_.slices(); ++t)
    for (std::size_t p = 0; p < world_.places(); ++p)
      if (asked_[t][p] > 0) single.add(world_.rtt(t, p, best), asked_[t][p]);
  best_single = world_.site_name(best);
  std::vector<Choosing> out;
  out.push_back({"oracle", oracle_});
  if (geo_) out.push_back({"GeoIP (great circle)", geoip_});
  out.push_back({"best single site", single});
  out.push_back({"round robin", in_turn_});
  out.push_back({"random", random_});
  return out;
}

}  // namespace flagfall::simulate
