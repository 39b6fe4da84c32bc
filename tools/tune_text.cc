#include "tools/tune_text.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/config/types.hh"
#include "tools/text_table.hh"

namespace flagfall::tools {
namespace {

using delay::Candidate;
using delay::Share;

double ms(Nanos ns) {
  return std::chrono::duration<double, std::milli>(ns).count();
}

/// 99.95 % and not 100.0 %: what is not all must not look like all.
std::string percent(double share) {
  const double value = 100 * share;
  if (share < 1 && value > 99.995) return "99.99";
  return fmt::format("{:.2f}", value);
}

std::string percent(const Share& share) {
  return share.of == 0 ? "-" : percent(share.value);
}

std::string interval(const Share& share) {
  return share.of == 0 ? "-" : percent(share.low) + " - " + percent(share.high);
}

/// What has to be on time for a race to count as on time.
std::string wanted(const delay::Tune& tune, const delay::RowsHeader& rows) {
  std::string names;
  bool all = true;
  for (std::size_t i = 0; i < tune.slaves.size(); ++i) {
    all = all && tune.slaves[i].counted;
    if (tune.slaves[i].counted) names += (names.empty() ? "" : ", ") + rows.slaves[i];
  }
  return all ? "every slave" : names.empty() ? "nobody" : names;
}

std::string needs(const delay::Tune& tune, const delay::RowsHeader& rows) {
  std::vector<std::vector<std::string>> table{{"slave", ">races", ">needs p50", ">p99", ">max, ms"}};
  for (std::size_t i = 0; i < tune.slaves.size(); ++i) {
    const delay::SlaveNeeds& s = tune.slaves[i];
    const auto time = [&](Nanos t) { return s.races == 0 ? "-" : fmt::format("{:.3f}", ms(t)); };
    table.push_back({rows.slaves[i], std::to_string(s.races), time(s.p50), time(s.p99), time(s.most)});
  }
  return text_table(table);
}

std::string candidates(const delay::Tune& tune, const delay::RowsHeader& rows) {
  std::vector<std::vector<std::string>> table{{">delay, ms", ">on time, %", ">95 % interval"}};
  for (const std::string& name : rows.slaves) table[0].push_back(">" + name);
  for (const char* title : {">nearest wins", ">added, ms", ""}) table[0].emplace_back(title);
  for (const Candidate& c : tune.candidates) {
    std::vector<std::string>& row = table.emplace_back();
    row = {fmt::format("{:.2f}", ms(c.delay)), percent(c.together), interval(c.together)};
    for (const Share& slave : c.slaves) row.push_back(percent(slave));
    row.push_back(c.nearest_wins ? percent(*c.nearest_wins) : "-");
    row.push_back(fmt::format("{:+.2f}", ms(c.added)));
    row.emplace_back(c.recommended ? (c.current ? "<= recommended, and now" : "<= recommended")
                     : c.current   ? "<= now"
                                   : "");
  }
  return text_table(table);
}

std::string advice(const delay::Tune& tune, const Candidate& best) {
  std::string out;
  if (tune.out_of_reach) {
    out += fmt::format("no delay of {} or less reaches {} %: this is the most that one can do\n",
                       config::to_string(delay::kMostDelay), percent(tune.on_time));
  } else {
    // A step has two digits behind the point; {:g} leaves out those that are zeros.
    out += fmt::format("recommended: delay = \"{:g}ms\"\n", std::round(ms(best.delay) * 100) / 100);
  }
  if (tune.wanted_races > 0)
    out += fmt::format("too few races to be sure of {} %: {} would do\n", percent(tune.on_time),
                       tune.wanted_races);
  return out;
}

}  // namespace

std::string tune_text(const delay::Tune& tune, const delay::RowsHeader& rows) {
  std::string out = fmt::format("service {}: {} races; wanted: {} on time in {} % of them\n", rows.service,
                                tune.races, wanted(tune, rows), percent(tune.on_time));
  out += "\n" + needs(tune, rows);
  const Candidate* best = tune.recommended();
  if (best == nullptr) return out + "\nno races yet: nothing can be computed\n";
  out += "\n" + candidates(tune, rows) + "\n";
  out += fmt::format("added: to {:.2f} ms, what half of the races need; nearest wins: at least, ",
                     ms(tune.ideal));
  out += rows.networks > 0 ? fmt::format("by verdicts from {} client networks\n", rows.networks)
                           : std::string("each slave counted alike, as no verdicts are known\n");
  return out + advice(tune, *best);
}

}  // namespace flagfall::tools
