// flagfall-master: answers DNS queries, and starts the races.
#include "common/daemon/reloadable.hh"
#include "master/app.hh"
#include "master/config.hh"

int main(int argc, char** argv) {
  using namespace flagfall;  // NOLINT(google-build-using-namespace)
  return daemon::run(
      {argv + 1, argv + argc},
      {.name = "flagfall-master", .summary = "Answers DNS queries, and starts races between slaves"},
      daemon::bind_reloadable(master::schema(), [](const master::Config& config, const auto& read_again) {
        return master::App::load(config, read_again);
      }));
}
