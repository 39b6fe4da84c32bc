// `flagfall stats`: who wins where, and what it brings; asked of a running
// master, or read from its database.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cctype>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "stats/report.hh"
#include "stats/since.hh"
#include "tools/admin_client.hh"
#include "tools/commands.hh"
#include "tools/stats_text.hh"

namespace flagfall::tools {
namespace {

struct Options {
  std::string service;
  std::string by = "server";
  std::string since = "24h";
  std::string socket = kDefaultSocket;
  std::string database;
  std::size_t rows = 1000;
  bool benefit = false;
  bool json = false;
  bool csv = false;
};

int fail(const std::string& text) {
  std::cerr << "flagfall stats: " << text << '\n';
  return 1;
}

/// Sums over a year of many prefixes take their time.
constexpr std::chrono::seconds kPatience(60);

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += std::isalnum(static_cast<unsigned char>(c)) != 0
               ? std::string(1, c)
               : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

Result<std::string> from_master(const Options& o) {
  std::string path = fmt::format("/stats?by={}&since={}&rows={}", o.by, escaped(o.since), o.rows);
  if (!o.service.empty()) path += "&service=" + escaped(o.service);
  return ask(o.socket, "GET", path, kPatience);
}

Result<std::string> from_file(const Options& o, std::int64_t now) {
  stats::Question question;
  question.by = stats::parse_by(o.by).value_or(stats::By::server);
  if (!o.service.empty()) question.service = o.service;
  const auto since = stats::parse_since(o.since, now);
  if (!since) return Error{since.error()};
  question.since = *since;
  question.until = now + 60;
  question.rows = o.rows;
  const auto found = stats::report(o.database, question);
  if (!found) return Error{found.error()};
  return stats::to_text(*found);
}

int run(const Options& o) {
  const std::int64_t now = to_ns(SystemClock().real()) / 1'000'000'000;
  if (const auto since = stats::parse_since(o.since, now); !since) {
    std::cerr << "flagfall stats: --since: " << since.error() << '\n';
    return 2;
  }
  const auto body = o.database.empty() ? from_master(o) : from_file(o, now);
  if (!body) return fail(body.error());
  if (o.json) {
    std::cout << *body << (body->ends_with('\n') ? "" : "\n");
    return 0;
  }
  const auto text = o.csv ? stats_csv(*body) : stats_text(*body, o.benefit);
  if (!text) return fail(text.error());
  std::cout << *text;
  return 0;
}

}  // namespace

void add_stats(CLI::App& app, int& status) {
  const auto o = std::make_shared<Options>();
  CLI::App* stats = app.add_subcommand("stats", "Show which server wins for whom, and what it brings");
  stats->add_option("service", o->service, "Only races of this service; otherwise of all");
  stats->add_option("--by", o->by, "A row for each server, prefix, service or hour")
      ->check(CLI::IsMember({"server", "prefix", "service", "hour"}))
      ->capture_default_str();
  stats->add_flag("--benefit", o->benefit, "Milliseconds saved, instead of who won");
  stats->add_option("--since", o->since, "15m, 1h, 2d, 2026-11-21 or 2026-11-21T09:30 (UTC)")
      ->type_name("WHEN")
      ->capture_default_str();
  stats->add_option("--rows", o->rows, "Rows at most, the busiest first")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  auto* json = stats->add_flag("--json", o->json, "Print JSON");
  stats->add_flag("--csv", o->csv, "Print comma-separated values")->excludes(json);
  auto* socket = stats->add_option("--socket", o->socket, "The master's admin socket")
                     ->type_name("PATH")
                     ->capture_default_str();
  stats->add_option("--database", o->database, "Read a master's database instead of asking it")
      ->type_name("FILE")
      ->excludes(socket);
  stats->callback([o, &status] { status = run(*o); });
}

}  // namespace flagfall::tools
