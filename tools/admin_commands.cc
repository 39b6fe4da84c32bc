// `flagfall status`, `pause-racing`, `resume-racing`, `reload`: requests to a
// master's admin socket.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/admin_client.hh"
#include "tools/commands.hh"
#include "tools/reload_text.hh"
#include "tools/status_text.hh"

namespace flagfall::tools {
namespace {

int fail(const std::string& command, const std::string& text) {
  std::cerr << "flagfall " << command << ": " << text << '\n';
  return 1;
}

/// What reads large zones first.
constexpr std::chrono::seconds kReading(300);

int run_status(const std::string& socket, bool json) {
  const auto body = ask(socket, "GET", "/status");
  if (!body) return fail("status", body.error());
  if (json) {
    std::cout << *body << (body->ends_with('\n') ? "" : "\n");
    return 0;
  }
  const auto text = status_text(*body);
  if (!text) return fail("status", text.error());
  std::cout << *text;
  return 0;
}

int run_reload(const std::string& socket, bool dry_run) {
  const auto body = ask(socket, "POST", dry_run ? "/reload?dry_run=1" : "/reload", kReading);
  if (!body) return fail("reload", body.error());
  const auto text = reload_text(*body);
  if (!text) return fail("reload", text.error());
  std::cout << *text;
  return 0;
}

int run_post(const std::string& command, const std::string& socket, const char* done) {
  const auto body = ask(socket, "POST", "/" + command, kMoment);
  if (!body) return fail(command, body.error());
  std::cout << done << '\n';
  return 0;
}

void add_socket(CLI::App* command, const std::shared_ptr<std::string>& socket) {
  command->add_option("--socket", *socket, "The master's admin socket")
      ->type_name("PATH")
      ->capture_default_str();
}

}  // namespace

void add_admin(CLI::App& app, int& status) {
  const auto socket = std::make_shared<std::string>(kDefaultSocket);
  const auto json = std::make_shared<bool>(false);
  CLI::App* show = app.add_subcommand("status", "Show a master's sessions, clocks and counters");
  add_socket(show, socket);
  show->add_flag("--json", *json, "The JSON as the master sent it");
  show->callback([socket, json, &status] { status = run_status(*socket, *json); });
  const auto dry_run = std::make_shared<bool>(false);
  CLI::App* again = app.add_subcommand("reload", "Read the configuration and all its files again");
  add_socket(again, socket);
  again->add_flag("--dry-run", *dry_run, "Only say what would change");
  again->callback([socket, dry_run, &status] { status = run_reload(*socket, *dry_run); });
  struct Post {
    const char* name;
    const char* help;
    const char* done;
  };
  for (const Post& post : {Post{"pause-racing", "Stop all races at once; every query gets an ordinary answer",
                                "racing is paused"},
                           Post{"resume-racing", "Race again", "racing is resumed"}}) {
    CLI::App* command = app.add_subcommand(post.name, post.help);
    add_socket(command, socket);
    command->callback([post, socket, &status] { status = run_post(post.name, *socket, post.done); });
  }
}

}  // namespace flagfall::tools
