#include "common/daemon/daemon.hh"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <exception>
#include <iostream>
#include <optional>
#include <sstream>

#include "common/base/log.hh"
#include "common/daemon/notify.hh"

namespace flagfall::daemon {
namespace {

using namespace std::chrono_literals;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr auto kStatusInterval = 5s;

struct Options {
  std::string config;
  bool check = false;
  bool print = false;
  std::string log_level;
};

/// An exit status when the command line ends the program by itself.
std::optional<int> parse(std::vector<std::string> arguments, const Frame& frame, Options& options,
                         std::ostream& out, std::ostream& err) {
  CLI::App app(frame.summary, frame.name);
  options.config = frame.config.empty() ? "/etc/flagfall/" + frame.name + ".toml" : frame.config;
  app.add_option("-c,--config", options.config, "Configuration file")
      ->type_name("FILE")
      ->capture_default_str();
  auto* check =
      app.add_flag("--check-config", options.check,
                   "Load the configuration and all files that it names, say whether they are good, and end");
  app.add_flag("--print-config", options.print,
               "The same, and print the configuration in effect, with comments")
      ->excludes(check);
  app.add_option("--log-level", options.log_level, "Instead of log.level: debug, info, warning or error")
      ->type_name("LEVEL");
  for (const Frame::Flag& flag : frame.flags) app.add_flag(flag.name, *flag.given, flag.help);
  app.set_version_flag("--version", frame.name + " " + FLAGFALL_VERSION, "Print the version and end");
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? 0 : kUsage;
  }
  return std::nullopt;
}

/// Every line of `text` with the program's name before it.
void complain(std::ostream& err, const Frame& frame, const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) err << frame.name << ": " << line << '\n';
}

void serve(std::unique_ptr<Program> loaded, const Frame& frame) {
  net::Loop loop;
  const std::unique_ptr<Program> owned = std::move(loaded);  // gone before the loop, and its watches with it
  Program& program = *owned;
  (void)std::signal(SIGPIPE, SIG_IGN);
  const auto end = [&loop] { loop.stop(); };
  const net::Watch terminate = loop.on_signal(SIGTERM, end);
  const net::Watch interrupt = loop.on_signal(SIGINT, end);
  const net::Watch hang_up = loop.on_signal(SIGHUP, [&program] { program.hang_up(); });
  program.start(loop);
  notify_ready();
  log::info("{} {} is ready", frame.name, FLAGFALL_VERSION);
  net::Watch watchdog;
  if (const auto interval = watchdog_interval()) watchdog = loop.every(*interval, notify_watchdog);
  const auto report = [&program] {
    if (const std::string line = program.status(); !line.empty()) notify_status(line);
  };
  report();
  const net::Watch status = loop.every(kStatusInterval, report);
  loop.run();
  notify_stopping();
  log::info("{} stops", frame.name);
  program.stop();
}

int guarded(const Options& options, const Frame& frame, const Binding& binding, std::ostream& out,
            std::ostream& err) {
  const Result<Binding::Loaded> loaded = binding.load(options.config);
  if (!loaded) {
    complain(err, frame, loaded.error());
    return kUsage;
  }
  const std::string& level = options.log_level.empty() ? loaded->log_level : options.log_level;
  if (const Status good = log::init(frame.name, level); !good) {
    complain(err, frame, good.error());
    return kUsage;
  }
  Result<std::unique_ptr<Program>> program = loaded->make();
  if (!program) {
    complain(err, frame, program.error());
    return kUsage;
  }
  if (options.print) {
    out << loaded->print() << std::flush;
  } else if (options.check) {
    out << frame.name << ": " << options.config << " is good\n" << std::flush;
  } else {
    serve(std::move(*program), frame);
  }
  return 0;
}

}  // namespace

config::Schema<LogConfig> log_schema() {
  return config::Schema<LogConfig>()
      .key("level", &LogConfig::level, {.help = "How much to log: debug, info, warning or error"})
      .check([](const LogConfig& log, const config::Where& where) {
        if (log.level != "debug" && log.level != "info" && log.level != "warning" && log.level != "error")
          where.error("level", R"(expected "debug", "info", "warning" or "error")");
      });
}

int run(const std::vector<std::string>& arguments, const Frame& frame, const Binding& binding,
        std::ostream& out, std::ostream& err) {
  Options options;
  if (const auto ended = parse(arguments, frame, options, out, err)) return *ended;
  try {
    return guarded(options, frame, binding, out, err);
  } catch (const std::exception& error) {
    complain(err, frame, error.what());
    return kFailed;
  }
}

int run(const std::vector<std::string>& arguments, const Frame& frame, const Binding& binding) {
  return run(arguments, frame, binding, std::cout, std::cerr);
}

}  // namespace flagfall::daemon
