// flagfall-slave as it is, on a host whose clocks are wrong by a known amount.
// usage: flagfall-slave-skewed SECONDS-AHEAD PPM-FAST [flagfall-slave's options]
#include <cmath>
#include <iostream>
#include <stdexcept>

#include "common/daemon/daemon.hh"
#include "slave/app.hh"
#include "slave/config.hh"
#include "tests/skewed/skewed_clock.hh"

using namespace flagfall;  // NOLINT(*-using-namespace)

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() < 2) throw std::invalid_argument("too few");
    const Nanos ahead(std::llround(std::stod(words[0]) * 1e9));
    const tests::SkewedClock clock(ahead, std::stod(words[1]));
    return daemon::run(
        {words.begin() + 2, words.end()},
        {.name = "flagfall-slave", .summary = "a slave with a clock that is wrong"},
        daemon::bind(slave::schema(), [&clock](const slave::Config& config) {
          return Result<std::unique_ptr<daemon::Program>>(std::make_unique<slave::App>(config, clock));
        }));
  } catch (const std::logic_error&) {  // std::stod's
    std::cerr << "usage: flagfall-slave-skewed SECONDS-AHEAD PPM-FAST [flagfall-slave's options]\n";
    return 2;
  }
}
