// flagfall-slave as it is, on a host whose clocks are wrong by a known amount.
// usage: flagfall-slave-skewed SECONDS-AHEAD PPM-FAST [flagfall-slave's options]
// SIGUSR1 sets CLOCK_REALTIME an hour forth, SIGUSR2 an hour back.
#include <cmath>
#include <csignal>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "common/daemon/daemon.hh"
#include "slave/app.hh"
#include "slave/config.hh"
#include "tests/skewed/skewed_clock.hh"

using namespace flagfall;  // NOLINT(*-using-namespace)

namespace {

/// For as long as the process lives.
void set_on_signals(tests::SkewedClock& clock) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // in all threads: they start later
  std::thread([signals, &clock] {
    for (int signal = 0; sigwait(&signals, &signal) == 0;)
      clock.set(signal == SIGUSR1 ? std::chrono::hours(1) : -std::chrono::hours(1));
  }).detach();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() < 2) throw std::invalid_argument("too few");
    const Nanos ahead(std::llround(std::stod(words[0]) * 1e9));
    static tests::SkewedClock clock(ahead, std::stod(words[1]));
    set_on_signals(clock);
    return daemon::run(
        {words.begin() + 2, words.end()},
        {.name = "flagfall-slave", .summary = "a slave with a clock that is wrong"},
        daemon::bind(slave::schema(), [](const slave::Config& config) {
          return Result<std::unique_ptr<daemon::Program>>(std::make_unique<slave::App>(config, clock));
        }));
  } catch (const std::logic_error&) {  // std::stod's
    std::cerr << "usage: flagfall-slave-skewed SECONDS-AHEAD PPM-FAST [flagfall-slave's options]\n";
    return 2;
  }
}
