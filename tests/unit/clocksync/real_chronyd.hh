// The real chronyd as a fixture: its own directory, its own ports, and -x, so
// that the system clock is left alone.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/net/udp.hh"

namespace flagfall::testing {

/// A directory as chronyd wants it, gone at the end.
struct Directory {
  std::string path;
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ffclock.XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
    chmod(path.c_str(), 0750);
  }
  ~Directory() { std::filesystem::remove_all(path); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  Directory(Directory&&) = delete;
  Directory& operator=(Directory&&) = delete;
};

/// A loopback port that was free a moment ago.
inline std::uint16_t free_port() {
  return net::local_endpoint(net::udp_socket({*parse_ip("127.0.0.1"), 0}, {})).port;
}

/// The daemon itself, without touching the clock (-x), serving its own local clock.
class RealChronyd {
 public:
  RealChronyd(const std::string& directory, std::uint16_t command_port) {
    const std::string config = directory + "/chrony.conf";
    std::ofstream(config) << "local stratum 10\nport 0\ncmdport " << command_port
                          << "\nbindcmdaddress 127.0.0.1\nbindcmdaddress " << directory << "/chronyd.sock\n"
                          << "pidfile " << directory << "/chronyd.pid\n";
    std::vector<std::string> words = {"chronyd", "-x", "-n", "-u", "root", "-f", config};
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, (directory + "/log").c_str(), O_WRONLY | O_CREAT, 0600);
    BOOST_REQUIRE_EQUAL(posix_spawn(&pid_, "/usr/sbin/chronyd", &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~RealChronyd() { stop(); }
  RealChronyd(const RealChronyd&) = delete;
  RealChronyd& operator=(const RealChronyd&) = delete;
  RealChronyd(RealChronyd&&) = delete;
  RealChronyd& operator=(RealChronyd&&) = delete;
  void stop() {
    if (pid_ <= 0) return;
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

/// chronyd refuses to start for anybody but root.
struct NeedsChronyd {
  boost::test_tools::assertion_result operator()(boost::unit_test::test_unit_id /*unit*/) const {
    boost::test_tools::assertion_result result(geteuid() == 0 && access("/usr/sbin/chronyd", X_OK) == 0);
    result.message() << "needs root and /usr/sbin/chronyd";
    return result;
  }
};

}  // namespace flagfall::testing
