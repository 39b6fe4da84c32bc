// A redis-server of the test's own, on a Unix socket in the test's folder; it ends with the test.
#pragma once

#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill(2)
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "director/store/redis_link.hh"
#include "tests/unit/director_store/folder.hh"

namespace flagfall::director {

class RealRedis {
 public:
  explicit RealRedis(const Folder& folder, std::string password = {})
      : folder_(folder.path.string()), password_(std::move(password)) {
    start();
  }
  ~RealRedis() { end(); }
  RealRedis(const RealRedis&) = delete;
  RealRedis& operator=(const RealRedis&) = delete;
  RealRedis(RealRedis&&) = delete;
  RealRedis& operator=(RealRedis&&) = delete;

  [[nodiscard]] RedisAddress address() const { return {folder_ + "/redis.sock", {}, {}, password_}; }

  /// With nothing in it: it keeps nothing on disk.
  void start() {
    const std::string socket = address().socket;
    std::vector<std::string> words{
        "redis-server", "--port", "0",         "--unixsocket",         socket,        "--save", "",
        "--dir",        folder_,  "--logfile", folder_ + "/redis.log", "--daemonize", "no"};
    if (!password_.empty()) words.insert(words.end(), {"--requirepass", password_});
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      execvp(argv[0], argv.data());
      _exit(127);
    }
    BOOST_TEST_REQUIRE(
        eventually([&] { return RedisLink::open(address(), std::chrono::milliseconds(500)).ok(); }),
        "redis-server starts (scripts/install test)");
  }
  void end() {
    if (pid_ <= 0) return;
    send(SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
    unlink(address().socket.c_str());
  }
  void send(int signal) const { kill(pid_, signal); }

  /// What a command says, for tests that lie.
  std::string ask(const std::vector<std::string_view>& words) const {
    auto link = RedisLink::open(address(), std::chrono::seconds(5));
    BOOST_REQUIRE_MESSAGE(link, (link ? "" : link.error()));
    const auto reply = (*link)->ask(words);
    BOOST_REQUIRE_MESSAGE(reply, (reply ? "" : reply.error()));
    const RedisValue value = reply->value();
    return value.text().empty() ? std::to_string(value.integer()) : std::string(value.text());
  }

 private:
  std::string folder_;
  std::string password_;
  pid_t pid_ = 0;
};

}  // namespace flagfall::director
