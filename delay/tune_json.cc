#include "delay/tune_json.hh"

#include <cmath>
#include <nlohmann/json.hpp>

namespace flagfall::delay {
namespace {

using nlohmann::json;

double ms(Nanos ns) {
  return std::chrono::duration<double, std::milli>(ns).count();
}

/// Six digits are more than any number of races can tell.
double share(double value) {
  return std::round(value * 1e6) / 1e6;
}

json share_json(const Share& s) {
  if (s.of == 0) return nullptr;
  return {{"share", share(s.value)}, {"low", share(s.low)}, {"high", share(s.high)}};
}

json candidate_json(const Candidate& c, const std::vector<std::string>& names) {
  json slaves = json::object();
  for (std::size_t i = 0; i < names.size(); ++i)
    slaves[names[i]] = c.slaves[i].of == 0 ? json(nullptr) : json(share(c.slaves[i].value));
  return {{"delay_ms", ms(c.delay)},
          {"on_time", share_json(c.together)},
          {"slaves", slaves},
          {"nearest_wins", c.nearest_wins ? json(share(*c.nearest_wins)) : json(nullptr)},
          {"added_ms", ms(c.added)},
          {"current", c.current},
          {"recommended", c.recommended}};
}

json curve_json(const Tune& tune, const std::vector<std::string>& names) {
  json delays = json::array(), together = json::array(), slaves = json::object();
  for (const CurvePoint& p : tune.curve) {
    delays.push_back(ms(p.delay));
    together.push_back(share(p.together));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (tune.slaves[i].races == 0) continue;
    json& line = slaves[names[i]] = json::array();
    for (const CurvePoint& p : tune.curve) line.push_back(share(p.slaves[i]));
  }
  return {{"delay_ms", delays}, {"on_time", together}, {"slaves", slaves}};
}

}  // namespace

TuneOptions tune_options(const RowsHeader& rows) {
  TuneOptions out;
  out.trade.nearest = rows.nearest;
  out.trade.late_drops = rows.late_drops;
  out.trade.weights = rows.weights;
  if (rows.on_time) out.on_time = *rows.on_time;
  if (rows.delay > Nanos(0)) out.current = rows.delay;
  out.bound = rows.bound;
  return out;
}

json tune_json(const Tune& tune, const RowsHeader& rows) {
  json slaves = json::object();
  for (std::size_t i = 0; i < rows.slaves.size(); ++i) {
    const SlaveNeeds& s = tune.slaves[i];
    const auto time = [&](Nanos t) { return s.races == 0 ? json(nullptr) : json(ms(t)); };
    slaves[rows.slaves[i]] = {{"races", s.races},
                              {"counted", s.counted},
                              {"p50_ms", time(s.p50)},
                              {"p99_ms", time(s.p99)},
                              {"max_ms", time(s.most)}};
  }
  json candidates = json::array();
  for (const Candidate& c : tune.candidates) candidates.push_back(candidate_json(c, rows.slaves));
  const Candidate* best = tune.recommended();
  return {{"service", rows.service},
          {"races", tune.races},
          {"target", tune.on_time},
          {"delay_ms", ms(rows.delay)},
          {"ideal_ms", tune.races == 0 ? json(nullptr) : json(ms(tune.ideal))},
          {"nearest_known_from", rows.networks},
          {"slaves", slaves},
          {"recommended", best == nullptr ? json(nullptr) : candidate_json(*best, rows.slaves)},
          {"out_of_reach", tune.out_of_reach},
          {"wanted_races", tune.wanted_races},
          {"candidates", candidates},
          {"curve", curve_json(tune, rows.slaves)}};
}

}  // namespace flagfall::delay
