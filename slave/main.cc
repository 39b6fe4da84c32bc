// flagfall-slave: answers the clients of its masters' races at the instants that
// the masters set, from the services' addresses; or, with --collect-only, measures
// for them and answers nobody.
#include "common/daemon/daemon.hh"
#include "slave/app.hh"
#include "slave/collector_app.hh"
#include "slave/config.hh"

using namespace flagfall;  // NOLINT(*-using-namespace)

int main(int argc, char** argv) {
  bool collect_only = false;
  const auto racing =
      daemon::bind(slave::schema(), [](const slave::Config& config) { return slave::App::load(config); });
  const auto collecting = daemon::bind(
      slave::schema(true), [](const slave::Config& config) { return slave::CollectorApp::load(config); });
  return daemon::run(
      {argv + 1, argv + argc},
      {.name = "flagfall-slave",
       .summary = "answers DNS clients at the instants that its masters set",
       .flags = {{"--collect-only",
                  "Take no orders and answer nobody: only measure, as [collect] and [[check]] say",
                  &collect_only}}},
      {[&](const std::string& path) { return (collect_only ? collecting : racing).load(path); }});
}
