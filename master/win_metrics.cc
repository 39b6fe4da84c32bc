#include "master/win_metrics.hh"

#include <algorithm>

namespace flagfall::master {

WinMetrics::WinMetrics(const Config& config, const std::vector<std::string>& slaves)
    : config_(config), slaves_(slaves) {
  wins_.assign(config.services.size(), std::vector<Wins>(slaves_.size()));
  for (std::size_t i = 0; i < slaves_.size(); ++i) margins_.push_back(std::make_unique<Histogram>());
}

void WinMetrics::finished(const race::FinishedRace& race) {
  if (!race.verdict || race.service >= wins_.size()) return;
  auto& wins = wins_[race.service];
  for (const race::RunnerResult& runner : race.ran())
    if (runner.slave < wins.size()) ++wins[runner.slave].ran;
  const race::Verdict& verdict = *race.verdict;
  if (verdict.winner >= wins.size()) return;
  ++wins[verdict.winner].won;
  if (verdict.within_error) ++wins[verdict.winner].within_error;
  if (verdict.margin) margins_[verdict.winner]->add(*verdict.margin);
}

void WinMetrics::add_to(metrics::Families& out) const {
  for (std::size_t service = 0; service < wins_.size(); ++service)
    for (const SlaveConfig& slave : config_.services[service].slaves) {
      const auto at = std::ranges::lower_bound(slaves_, slave.name) - slaves_.begin();
      const Wins& wins = wins_[service][static_cast<std::size_t>(at)];
      const metrics::Families::Labels label{{"service", config_.services[service].name},
                                            {"slave", slave.name}};
      out.counter("flagfall_wins_total", "Races that the slave won, of those with a verdict",
                  static_cast<double>(wins.won), label);
      out.counter("flagfall_wins_within_error_total", "Of its wins, those that clocks' errors may explain",
                  static_cast<double>(wins.within_error), label);
      out.counter("flagfall_judged_runs_total", "Races with a verdict that the slave ran in",
                  static_cast<double>(wins.ran), label);
    }
  for (std::size_t slave = 0; slave < slaves_.size(); ++slave)
    out.histogram("flagfall_win_margin_seconds", "How far before the next one the winner's answer came",
                  *margins_[slave], metrics::kWayBuckets, {{"slave", slaves_[slave]}});
}

}  // namespace flagfall::master
