#include "master/race_statistics.hh"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "stats/report.hh"
#include "stats/since.hh"

namespace flagfall::master {
namespace {

using nlohmann::json;

/// What kill -9 may cost.
constexpr Nanos kFlush = std::chrono::seconds(1);
/// Questions that wait for the one that is being answered.
constexpr std::size_t kMostWaiting = 8;
constexpr std::size_t kMostRows = 100'000;

std::int64_t seconds(Nanos n) {
  return std::chrono::duration_cast<std::chrono::seconds>(n).count();
}

stats::TallyOptions tally_options(const StatsConfig& c) {
  stats::TallyOptions out;
  out.prefix_v4 = c.prefix_v4;
  out.prefix_v6 = c.prefix_v6;
  out.prefixes = c.prefixes;
  return out;
}

stats::StoreOptions store_options(const Config& config) {
  const StatsConfig& c = config.stats;
  stats::StoreOptions out;
  out.path = c.database.text;
  out.keep.seconds = seconds(c.keep_seconds);
  out.keep.minutes = seconds(c.keep_minutes);
  out.keep.hours = seconds(c.keep_hours);
  out.keep.most_bytes = c.most_size.bytes;
  out.keep.prefixes = c.prefixes;
  for (const ServiceConfig& service : config.services) out.names.services.push_back(service.name);
  out.names.slaves = slave_names(config);
  return out;
}

/// The question that a request's parameters ask.
Result<stats::Question> question_of(const net::AdminRequest& request, const Config& config,
                                    std::int64_t now) {
  stats::Question out;
  out.since = now - 86'400;
  out.until = now + 60;
  for (const auto& [name, value] : request.query) {
    if (name == "by") {
      const auto by = stats::parse_by(value);
      if (!by) return Error{"by is server, prefix, service or hour"};
      out.by = *by;
    } else if (name == "service") {
      out.service = value;
    } else if (name == "since") {
      const auto since = stats::parse_since(value, now);
      if (!since) return Error{"since: " + since.error()};
      out.since = *since;
    } else if (name == "rows") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out.rows);
      if (error != std::errc() || end != value.data() + value.size() || out.rows > kMostRows)
        return Error{fmt::format("rows is a number up to {}", kMostRows)};
    } else {
      return Error{"no such parameter; there are by, service, since and rows"};
    }
  }
  if (out.service &&
      std::ranges::find(config.services, *out.service, &ServiceConfig::name) == config.services.end())
    return Error{"no service has that name"};
  return out;
}

}  // namespace

void tell_counters(const Loops& loops, const CounterSink& sink) {
  sink("races_ordered", loops.races());
  for (std::size_t i = 0; i < kFallbackNames.size(); ++i)
    sink("fallback_" + std::string(kFallbackNames.at(i)), loops.fallback(static_cast<Fallback>(i)));
}

RaceStatistics::RaceStatistics(net::Loop& loop, const Config& config, const Clock& clock, Random& random,
                               std::function<void(const CounterSink&)> counters)
    : config_(config),
      clock_(clock),
      counters_(std::move(counters)),
      tally_(tally_options(config.stats), random),
      reader_(loop) {
  if (!config.stats.enabled) return;
  store_ = std::make_unique<stats::Store>(store_options(config), now());
  ticker_ = loop.every(kFlush, [this] { flush(); });
}

RaceStatistics::~RaceStatistics() {
  ticker_ = net::Watch();
  if (store_) flush();
}

std::int64_t RaceStatistics::now() const {
  return to_ns(clock_.real()) / 1'000'000'000;
}

void RaceStatistics::finished(const race::FinishedRace& race) {
  if (store_) tally_.add(race, now());
}

void RaceStatistics::sample() {
  if (!store_) return;
  counters_([this](std::string_view name, std::uint64_t value) {
    auto at = sampled_.find(name);
    if (at == sampled_.end()) at = sampled_.emplace(name, 0).first;
    if (value > at->second) tally_.count(name, static_cast<std::int64_t>(value - at->second), now());
    at->second = value;
  });
}

void RaceStatistics::flush() {
  sample();
  store_->advance(now(), tally_.lost());
  if (const auto rows = store_->take_restored(); !rows.empty()) tally_.restore(rows, now());
  // While the disk does not keep up, the sums stay here and grow: bounded, see stats/tally.hh.
  if (!store_->ready()) return;
  if (stats::Batch batch = tally_.take(); !batch.empty()) store_->put(std::move(batch));
}

void RaceStatistics::serve(net::AdminServer& admin) {
  admin.get_slow("/stats", [this](const net::AdminRequest& request, const net::AdminServer::Answer& answer) {
    ask(request, answer);
  });
}

void RaceStatistics::ask(const net::AdminRequest& request, const net::AdminServer::Answer& answer) {
  if (!store_) return answer(net::admin_error(404, "statistics are not kept: stats.enabled is false"));
  auto question = question_of(request, config_, now());
  if (!question) return answer(net::admin_error(400, question.error()));
  if (waiting_.size() >= kMostWaiting)
    return answer(net::admin_error(503, "other questions wait already; ask again in a moment"));
  waiting_.push_back({std::move(*question), answer});
  next_question();
}

/// Sums over a year take a second or more: in a thread of their own, one after another.
void RaceStatistics::next_question() {
  if (waiting_.empty() || reader_.busy()) return;
  reader_.start([this, path = store_->path(), asked = waiting_.front()]() -> net::Callback {
    auto found = std::make_shared<Result<json>>(stats::report(path, asked.question));
    return [this, found, answer = asked.answer] {
      waiting_.pop_front();
      if (*found) {
        (**found)["keeping"] = health();
        answer({200, stats::to_text(**found)});
      } else {
        answer(net::admin_error(503, found->error()));
      }
      next_question();
    };
  });
}

json RaceStatistics::health() const {
  if (!store_) return {{"enabled", false}};
  const stats::StoreHealth h = store_->health();
  return {{"enabled", true},
          {"database", store_->path()},
          {"opened", h.opened},
          {"why_not", h.why_not.empty() ? json(nullptr) : json(h.why_not)},
          {"races", tally_.races()},
          {"races_kept", h.kept},
          {"races_not_kept", h.not_kept},
          {"races_of_other_prefixes", tally_.others()},
          {"measured_prefixes", tally_.measured_prefixes()},
          {"transactions", h.transactions},
          {"failures", h.failures},
          {"moved_aside", h.moved_aside}};
}

}  // namespace flagfall::master
