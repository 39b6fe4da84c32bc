// `flagfall borders`: what the kernels must be told, from the master's configuration.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>

#include "check/command.hh"
#include "director/border_routes.hh"
#include "master/config.hh"

namespace flagfall::check {
namespace {

struct Words {
  std::string config = "/etc/flagfall/flagfall-master.toml";
  std::string server;
};

int fail(const std::string& text) {
  std::cerr << "flagfall borders: " << text << '\n';
  return 1;
}

/// Each server once, with what it has for all services.
std::vector<director::BorderServer> servers_of(const master::Config& config) {
  std::vector<director::BorderServer> out;
  for (const master::ServiceConfig& service : config.services)
    for (const master::SlaveConfig& slave : service.slaves) {
      const auto same = std::ranges::find_if(
          out, [&](const auto& server) { return server.name == slave.name && server.site == slave.site; });
      director::BorderServer& server =
          same != out.end() ? *same : out.emplace_back(director::BorderServer{slave.name, slave.site, {}});
      for (const director::BorderAnswersConfig& more : slave.borders) {
        const auto known =
            std::ranges::find(server.borders, more.border, &director::BorderAnswersConfig::border);
        if (known == server.borders.end()) {
          server.borders.push_back(more);
          continue;
        }
        if (!known->local) known->local = more.local;
        for (const IpAddress& address : more.answers)
          if (std::ranges::count(known->answers, address) == 0) known->answers.push_back(address);
      }
    }
  return out;
}

int run(const Words& words) {
  const auto config = master::schema().load(words.config);
  if (!config) return fail(config.error());
  const auto servers = servers_of(*config);
  if (!words.server.empty() && std::ranges::count(servers, words.server, &director::BorderServer::name) == 0)
    return fail("no slave '" + words.server + "' in " + words.config);
  const director::BorderCommands out = director::border_commands(config->sites, servers, words.server);
  if (out.text.empty()) return fail("no [[service.slave.border]] in " + words.config + ": nothing to do");
  std::cout << out.text << std::flush;
  if (!std::cout) return fail("the output cannot be written");
  for (const std::string& text : out.missing) std::cerr << "flagfall borders: " << text << '\n';
  return out.missing.empty() ? 0 : 1;
}

}  // namespace

void add_borders(CLI::App& app, int& status) {
  const auto words = std::make_shared<Words>();
  CLI::App* const borders = app.add_subcommand(
      "borders", "The ip rule, ip route and tunnel lines that make answers leave by their border");
  borders->add_option("-c,--config", words->config, "The master's configuration")
      ->type_name("FILE")
      ->capture_default_str();
  borders->add_option("server", words->server, "Only for this slave's server")->type_name("SERVER");
  borders->callback([words, &status] { status = run(*words); });
}

}  // namespace flagfall::check
