// What every daemon does alike: the command line, the configuration, the log,
// sd_notify, signals, and the one place where start-up errors are caught. A
// daemon's main.cc is then a page:
//
//   int main(int argc, char** argv) {
//     return daemon::run({argv + 1, argv + argc},
//                        {.name = "flagfall-master", .summary = "answers DNS, and starts the races"},
//                        daemon::bind(master::schema(), [](const master::Config& config) {
//                          return master::App::load(config);  // Result<std::unique_ptr<daemon::Program>>
//                        }));
//   }
//
// Runs on the calling thread, which becomes the loop's. It decides nothing about races.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hh"
#include "common/config/schema.hh"
#include "common/net/loop.hh"

namespace flagfall::daemon {

/// A loaded daemon: its files are read and checked, nothing is bound yet.
class Program {
 public:
  Program() = default;
  virtual ~Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  Program(Program&&) = delete;
  Program& operator=(Program&&) = delete;

  /// Binds, starts threads, drops privileges; afterwards the daemon serves. Throws
  /// std::system_error or std::runtime_error with one line that says what to do.
  virtual void start(net::Loop& loop) = 0;
  /// Ends it cleanly: threads joined, sockets closed. On the loop's thread, once, after start().
  virtual void stop() = 0;
  /// SIGHUP came, between start() and stop(): reads again what can be read again.
  virtual void hang_up() = 0;
  /// One line for `systemctl status`, asked for every few seconds; empty: nothing to say.
  [[nodiscard]] virtual std::string status() const { return {}; }
};

/// `[log]`, which every daemon's configuration has as its member `log`.
struct LogConfig {
  std::string level = "info";
};
config::Schema<LogConfig> log_schema();

struct Frame {
  std::string name;     // "flagfall-master"
  std::string summary;  // for --help
  /// What --config is when it is not given; empty: /etc/flagfall/NAME.toml.
  std::string config = {};
  /// Options of this program alone, without a value: where what was said goes, before the configuration is
  /// loaded.
  struct Flag {
    std::string name;  // "--collect-only"
    std::string help;
    bool* given = nullptr;
  };
  std::vector<Flag> flags = {};
};

/// A schema and a factory, with the type of the configuration taken away.
struct Binding {
  struct Loaded {
    std::string log_level;
    std::function<std::string()> print;
    std::function<Result<std::unique_ptr<Program>>()> make;
  };
  std::function<Result<Loaded>(const std::string& path)> load;
};

/// `make`: const Config& -> Result<std::unique_ptr<Program>>; it reads the zone, the
/// certificates and so on, so that --check-config has checked them too. The
/// configuration outlives the program.
template <class Config, class Make>
Binding bind(config::Schema<Config> schema, Make make) {
  return {[schema = std::move(schema),
           make = std::move(make)](const std::string& path) -> Result<Binding::Loaded> {
    Result<Config> loaded = schema.load(path);
    if (!loaded) return Error{loaded.error()};
    auto config = std::make_shared<const Config>(std::move(*loaded));
    return Binding::Loaded{config->log.level, [schema, config] { return schema.print(*config); },
                           [make, config]() -> Result<std::unique_ptr<Program>> { return make(*config); }};
  }};
}

/// The whole life of the daemon; `arguments` without the program's name.
/// Returns the exit status: 0 a clean end, 1 it could not start or failed,
/// 2 the command line or the configuration is wrong.
int run(const std::vector<std::string>& arguments, const Frame& frame, const Binding& binding);
/// The same, for a test: with the streams that it prints to.
int run(const std::vector<std::string>& arguments, const Frame& frame, const Binding& binding,
        std::ostream& out, std::ostream& err);

}  // namespace flagfall::daemon
