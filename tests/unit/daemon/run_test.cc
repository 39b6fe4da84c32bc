// A daemon's life, with a program that records what happened to it.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/daemon/daemon.hh"
#include "common/net/fd.hh"

namespace config = flagfall::config;
namespace daemon_ = flagfall::daemon;
using flagfall::Error;
using flagfall::Result;

namespace {

struct Config {
  daemon_::LogConfig log;
  std::int32_t answer = 42;
};

struct Record {
  bool started = false;
  bool stopped = false;
  unsigned hang_ups = 0;
};

class Probe final : public daemon_::Program {
 public:
  Probe(Record& record, int signal_number, std::string failure)
      : record_(record), signal_(signal_number), failure_(std::move(failure)) {}
  void start(flagfall::net::Loop& loop) override {
    if (!failure_.empty()) throw std::runtime_error(failure_);
    record_.started = true;
    loop_ = &loop;
    end_ = loop.after(std::chrono::milliseconds(1), [this] { (void)raise(signal_); });
  }
  void stop() override { record_.stopped = true; }
  void hang_up() override {
    ++record_.hang_ups;
    end_ = loop_->after(std::chrono::milliseconds(1), [] { (void)raise(SIGTERM); });
  }
  [[nodiscard]] std::string status() const override { return "probing\nWATCHDOG=trigger"; }

 private:
  Record& record_;
  int signal_;
  std::string failure_;
  flagfall::net::Loop* loop_ = nullptr;
  flagfall::net::Watch end_;
};

/// A folder with a configuration file, and what running a daemon on it said.
struct Fixture {
  std::string folder =
      (std::filesystem::temp_directory_path() / ("flagfall-daemon-" + std::to_string(getpid()))).string();
  std::string file = folder + "/probe.toml";
  std::ostringstream out;
  std::ostringstream err;
  Record record;
  int end_signal = SIGTERM;
  std::string start_failure;
  std::string load_failure;

  Fixture() {
    std::filesystem::create_directories(folder);
    write("answer = 7\n[log]\nlevel = \"error\"\n");
  }
  ~Fixture() { std::filesystem::remove_all(folder); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  Fixture(Fixture&&) = delete;
  Fixture& operator=(Fixture&&) = delete;

  void write(const std::string& text) const { std::ofstream(file) << text; }
  int run(const std::vector<std::string>& arguments) {
    const auto schema = config::Schema<Config>()
                            .section("log", &Config::log, daemon_::log_schema())
                            .key("answer", &Config::answer, {.help = "The answer"});
    const auto make = [this](const Config&) -> Result<std::unique_ptr<daemon_::Program>> {
      if (!load_failure.empty()) return Error{load_failure};
      return std::unique_ptr<daemon_::Program>(std::make_unique<Probe>(record, end_signal, start_failure));
    };
    return daemon_::run(arguments, {.name = "probe", .summary = "records", .config = file},
                        daemon_::bind(schema, make), out, err);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(run, Fixture)

BOOST_AUTO_TEST_CASE(a_signal_ends_it_cleanly) {
  for (const int signal_number : {SIGTERM, SIGINT}) {
    record = {};
    end_signal = signal_number;
    BOOST_TEST(run({}) == 0);
    BOOST_TEST(record.started);
    BOOST_TEST(record.stopped);
  }
  BOOST_TEST(err.str().empty());
}

BOOST_AUTO_TEST_CASE(a_hang_up_does_not_end_it) {
  end_signal = SIGHUP;
  BOOST_TEST(run({}) == 0);
  BOOST_TEST(record.hang_ups == 1U);
  BOOST_TEST(record.stopped);
}

BOOST_AUTO_TEST_CASE(check_config_loads_everything_and_binds_nothing) {
  BOOST_TEST(run({"--check-config"}) == 0);
  BOOST_TEST(out.str() == "probe: " + file + " is good\n");
  BOOST_TEST(!record.started);
  load_failure = "zone.txt:3: no SOA";
  BOOST_TEST(run({"--check-config"}) == 2);
  BOOST_TEST(err.str() == "probe: zone.txt:3: no SOA\n");
}

BOOST_AUTO_TEST_CASE(print_config_shows_what_is_in_effect) {
  BOOST_TEST(run({"--print-config"}) == 0);
  BOOST_TEST(out.str().find("answer = 7\n") != std::string::npos);
  BOOST_TEST(out.str().find("[log]\n") != std::string::npos);
  BOOST_TEST(!record.started);
}

BOOST_AUTO_TEST_CASE(each_error_of_the_configuration_is_a_line_and_the_status_is_two) {
  write("answer = true\nanswers = 1\n");
  BOOST_TEST(run({}) == 2);
  const std::string text = err.str();
  BOOST_TEST(std::count(text.begin(), text.end(), '\n') == 2);
  BOOST_TEST(text.find("probe: " + file + ":2: answers: no such key; did you mean answer?\n") !=
             std::string::npos);
  BOOST_TEST(!record.started);
}

BOOST_AUTO_TEST_CASE(a_bad_log_level_is_refused_wherever_it_is_written) {
  BOOST_TEST(run({"--log-level", "loud"}) == 2);
  write("[log]\nlevel = \"loud\"\n");
  BOOST_TEST(run({}) == 2);
  BOOST_TEST(err.str().find(file + ":2: log.level: expected") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_is_one_line_and_status_one) {
  start_failure = "bind UDP 192.0.2.1:53: no";
  BOOST_TEST(run({}) == 1);
  BOOST_TEST(err.str() == "probe: bind UDP 192.0.2.1:53: no\n");
  BOOST_TEST(!record.stopped);
}

BOOST_AUTO_TEST_CASE(the_command_line_is_checked_and_helps) {
  BOOST_TEST(run({"--colour"}) == 2);
  BOOST_TEST(run({"--check-config", "--print-config"}) == 2);
  BOOST_TEST(run({"-c", file + ".missing"}) == 2);
  out.str("");
  BOOST_TEST(run({"--version"}) == 0);
  BOOST_TEST(out.str() == std::string("probe ") + FLAGFALL_VERSION + "\n");
  out.str("");
  BOOST_TEST(run({"--help"}) == 0);
  for (const auto* option : {"--config", "--check-config", "--print-config", "--log-level", "--version"})
    BOOST_TEST(out.str().find(option) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(systemd_is_told_when_it_is_ready_and_when_it_stops) {
  const flagfall::net::Fd fd(flagfall::net::check(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder + "/notify";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  BOOST_REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);                          // NOLINT(*-cast)
  setenv("NOTIFY_SOCKET", path.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  BOOST_TEST(run({}) == 0);
  unsetenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe)
  std::vector<std::string> said;
  std::array<char, 256> buffer{};
  for (ssize_t n = 0; (n = recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0;)
    said.emplace_back(buffer.data(), static_cast<std::size_t>(n));
  const std::vector<std::string> expected{"READY=1", "STATUS=probing WATCHDOG=trigger", "STOPPING=1"};
  BOOST_TEST(said == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
