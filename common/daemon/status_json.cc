#include "common/daemon/status_json.hh"

#include <nlohmann/json.hpp>

namespace flagfall::daemon {

using nlohmann::json;

json text_or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

const char* text_of(wire::ClockStatus status) {
  switch (status) {
    case wire::ClockStatus::unknown:
      return "unknown";
    case wire::ClockStatus::synchronised:
      return "synchronised";
    case wire::ClockStatus::free_running:
      return "free_running";
  }
  return "unknown";
}

json histogram_json(const Histogram& histogram, double (*unit)(Nanos)) {
  return spread_json({histogram.count(), histogram.quantile(0.5), histogram.quantile(0.9),
                      histogram.quantile(0.99), histogram.max()},
                     unit);
}

json spread_json(const wire::Spread& spread, double (*unit)(Nanos)) {
  const auto or_null = [&](Nanos n) { return spread.count == 0 ? json(nullptr) : json(unit(n)); };
  return {{"count", spread.count},
          {"p50", or_null(spread.p50)},
          {"p90", or_null(spread.p90)},
          {"p99", or_null(spread.p99)},
          {"max", or_null(spread.most)}};
}

}  // namespace flagfall::daemon
