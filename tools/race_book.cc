#include "tools/race_book.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <nlohmann/json.hpp>

namespace flagfall::tools {
namespace {

double ms(Nanos ns) {
  return std::chrono::duration<double, std::milli>(ns).count();
}

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

/// Of the first over the second.
Nanos margin(const std::vector<Arrival>& arrivals) {
  return arrivals[1].after - arrivals[0].after;
}

/// Wide enough for an IPv4 address; longer labels push their own line only.
constexpr int kServerWidth = 16;

}  // namespace

void Spread::add(Nanos value) {
  ++count_;
  sum_ += value;
  least_ = std::min(least_, value);
  most_ = std::max(most_, value);
}

std::string Spread::text() const {
  if (count_ == 0) return "-";
  return fmt::format("{:.3f}/{:.3f}/{:.3f}", ms(least_), ms(sum_) / static_cast<double>(count_), ms(most_));
}

unsigned RaceBook::start(const std::string& name) {
  const unsigned race = next_++;
  open_[race].name = name;
  return race;
}

std::string RaceBook::arrive(unsigned race, Arrival arrival) {
  const auto at = open_.find(race);
  assert(at != open_.end());
  std::vector<Arrival>& arrivals = at->second.arrivals;
  const std::string site = arrival.nsid.empty() ? std::string() : " [" + arrival.nsid + "]";
  std::string line =
      fmt::format("race {}: {:<{}} {:>9.3f} ms", race, arrival.server, kServerWidth, ms(arrival.after));
  line += arrivals.empty() ? "  * first  "
                           : fmt::format(" {:>+9.3f} ms", ms(arrival.after - arrivals.front().after));
  arrivals.push_back(std::move(arrival));
  line += site;
  line.erase(line.find_last_not_of(' ') + 1);
  if (arrivals.size() != 2) return line;
  if (const auto most = error(arrivals); most && margin(arrivals) < *most)
    line += fmt::format("  within error ({:.3f} ms)", ms(*most));
  return line;
}

std::string RaceBook::finish(unsigned race, Nanos waited) {
  const auto at = open_.find(race);
  assert(at != open_.end());
  const std::vector<Arrival> arrivals = std::move(at->second.arrivals);
  open_.erase(at);
  ++finished_;
  if (arrivals.empty()) return fmt::format("race {}: no answer within {:g} ms", race, ms(waited));
  ++answered_;
  arrivals_ += arrivals.size();
  first_.add(arrivals.front().after);
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    Server& server = servers_[arrivals[i].server];
    ++server.arrivals;
    server.after.add(arrivals[i].after);
    if (i == 0)
      ++server.wins;
    else
      server.behind.add(arrivals[i].after - arrivals.front().after);
  }
  if (arrivals.size() > 1) {
    ++raced_;
    lead_.add(margin(arrivals));
    if (const auto most = error(arrivals)) {
      ++judged_;
      if (margin(arrivals) < *most) ++within_error_;
    }
  }
  return {};
}

std::optional<Nanos> RaceBook::error(const std::vector<Arrival>& arrivals) const {
  if (arrivals.size() < 2) return {};
  return error_between(errors_, arrivals[0].nsid, arrivals[1].nsid);
}

std::string RaceBook::json(unsigned race) const {
  const auto at = open_.find(race);
  assert(at != open_.end());
  const std::vector<Arrival>& arrivals = at->second.arrivals;
  nlohmann::ordered_json out;
  out["race"] = race;
  out["name"] = at->second.name;
  out["winner"] =
      arrivals.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(arrivals.front().server);
  out["arrivals"] = nlohmann::ordered_json::array();
  for (const Arrival& arrival : arrivals) {
    nlohmann::ordered_json one;
    one["server"] = arrival.server;
    one["ms"] = ms(arrival.after);
    one["gap_ms"] = ms(arrival.after - arrivals.front().after);
    if (!arrival.nsid.empty()) one["nsid"] = arrival.nsid;
    out["arrivals"].push_back(std::move(one));
  }
  if (const auto most = error(arrivals)) {
    out["error_ms"] = ms(*most);
    out["within_error"] = margin(arrivals) < *most;
  }
  return out.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

std::string RaceBook::table() const {
  std::vector<std::pair<std::string, const Server*>> rows;
  std::size_t width = kServerWidth;
  for (const auto& [name, server] : servers_) {
    rows.emplace_back(name, &server);
    width = std::max(width, name.size());
  }
  std::ranges::stable_sort(rows,
                           [](const auto& a, const auto& b) { return a.second->wins > b.second->wins; });
  std::string out = fmt::format("{:<{}} {:>7} {:>7} {:>9}  {:<26} {}\n", "server", width, "wins", "share",
                                "arrivals", "after the query, ms", "behind the first, ms");
  for (const auto& [name, server] : rows)
    out += fmt::format("{:<{}} {:>7} {:>6.1f}% {:>9}  {:<26} {}\n", name, width, server->wins,
                       percent(server->wins, answered_), server->arrivals, server->after.text(),
                       server->behind.text());
  return out;
}

std::string RaceBook::summary(const std::string& title) const {
  std::string out = fmt::format("--- {} ---\n", title);
  out +=
      fmt::format("{} queries, {} answered ({:.1f}% unanswered), {} by more than one server, {} arrivals\n",
                  finished_, answered_, percent(finished_ - answered_, finished_), raced_, arrivals_);
  if (const std::uint64_t n = ignored.total(); n != 0)
    out += fmt::format("{} answers ignored: {} wrong id, {} wrong question, {} wrong cookie, {} malformed\n",
                       n, ignored.wrong_id, ignored.wrong_question, ignored.wrong_cookie, ignored.malformed);
  if (ignored.icmp != 0)
    out += fmt::format("{} ICMP errors (the port is closed, or there is no way)\n", ignored.icmp);
  if (answered_ == 0) return out;
  out += fmt::format("first answer min/avg/max = {} ms, ahead of the second by {} ms\n", first_.text(),
                     lead_.text());
  if (judged_ > 0)
    out += fmt::format("{} of {} races within error: their winner says nothing of the paths\n", within_error_,
                       judged_);
  return out + table();
}

}  // namespace flagfall::tools
