// Could this be chance? The one test behind splits and rebindings. Pure.
#pragma once

#include <algorithm>
#include <cmath>

namespace flagfall::director {

/// Chance explains it more often than this: nothing is split. 1/500: three wins of three against three of
/// three are enough ((1/8)^3 = 1/512).
inline const double kLogChance = std::log(1.0 / 500);

/// The same for a binding that lost its last races. A mistake costs some races until it is mended, a path
/// that has changed costs all of them: 1/250. Two servers that win at random change places once in 250 races.
inline const double kLogStreakChance = std::log(1.0 / 250);

/// Where the rest of a cluster is not of one mind itself, every part differs from it by chance somewhere: of
/// the parts around an address up to 8 (or 24) are looked at, each time. 1/10000.
inline const double kLogOddChance = std::log(1.0 / 10'000);

/// The rate behind `hits` of `n`, half a hit added to each side (Krichevsky and Trofimov, 1981): three of
/// three are 7/8, never certainty.
inline double rate(double hits, double n) {
  return (hits + 0.5) / (n + 1);
}

/// ln P(at least `hits` of `n`) where each comes with probability `p`.
inline double log_tail(unsigned hits, unsigned n, double p) {
  if (hits == 0) return 0;
  double sum = 0;
  for (unsigned k = hits; k <= n; ++k) {
    sum += std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) + k * std::log(p) +
                    (n - k) * std::log1p(-p));
  }
  return std::log(std::min(sum, 1.0));
}

}  // namespace flagfall::director
