// flagfall-slave: answers the clients of its masters' races at the instants that
// the masters set, from the services' addresses.
#include "common/daemon/daemon.hh"
#include "slave/app.hh"
#include "slave/config.hh"

using namespace flagfall;  // NOLINT(*-using-namespace)

int main(int argc, char** argv) {
  return daemon::run(
      {argv + 1, argv + argc},
      {.name = "flagfall-slave", .summary = "answers DNS clients at the instants that its masters set"},
      daemon::bind(slave::schema(), [](const slave::Config& config) { return slave::App::load(config); }));
}
