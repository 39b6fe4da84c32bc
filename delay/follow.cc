#include "delay/follow.hh"

#include <fmt/core.h>

#include <cmath>

namespace flagfall::delay {
namespace {

std::string ms(Nanos n) {
  return fmt::format("{:.6g} ms", std::floor(static_cast<double>(n.count()) * 1e-3) * 1e-3);
}

std::string percent(double share) {
  return fmt::format("{:.4g} %", 100 * share);
}

}  // namespace

std::string describe(const Change& change, const Follow& follow, std::span<const std::string> names) {
  const std::string all =
      follow.nearest ? fmt::format("its {} nearest slaves", *follow.nearest) : std::string("every slave");
  const std::string fell_short =
      fmt::format("{} of {} races had {} on time, wanted {}", percent(change.share), change.races, all,
                  percent(follow.on_time));
  std::string why;
  switch (change.cause) {
    case Cause::measured:
      why = fmt::format("first figures, of {} races", change.races);
      break;
    case Cause::late:
      why = "in the last seconds " + fell_short;
      break;
    case Cause::reviewed:
      why = "since then " + fell_short + " and room";
      break;
    case Cause::slipping:
      why = fell_short;
      break;
    case Cause::slack:
      why = fmt::format("the last {} races needed less", change.races);
      break;
    case Cause::limited:
      why = fmt::format("at_most forbids {}: {}", ms(change.wanted), fell_short);
      break;
  }
  const std::string slave = change.slave < names.size() ? names[change.slave] : "a slave";
  const std::string quantile = follow.on_time >= 1 ? "largest" : fmt::format("p{:.6g}", 100 * follow.on_time);
  const std::string what =
      change.from == change.to ? "stays at " + ms(change.from) : ms(change.from) + " -> " + ms(change.to);
  return fmt::format("{}: {}; {} needs {} ({}), clock bound {}", what, why, slave, ms(change.needs), quantile,
                     ms(change.bound));
}

}  // namespace flagfall::delay
