// A health check by a program: 0 is good. One that has to be killed, that a signal
// ends, or that cannot be started has said nothing about the server.
#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill(2), sigset_t
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "collect/probe.hh"
#include "common/net/fd.hh"

namespace flagfall::collect {
namespace {

using Verdict = Finding::Verdict;

/// What shells say of a program that they cannot run (POSIX, 2.8.2).
constexpr int kNotExecutable = 126, kNotFound = 127;

/// In a process group of its own, with nothing of ours but the environment. errno, or 0.
int spawn(const std::vector<std::string>& command, pid_t& pid) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command)
    arguments.push_back(const_cast<char*>(word.c_str()));  // NOLINT(*-const-cast): execve's type
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t ours;  // what this process ignores or handles
  sigemptyset(&ours);
  for (const int number : {SIGPIPE, SIGHUP, SIGTERM, SIGINT}) sigaddset(&ours, number);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &ours);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  const int error = posix_spawn(&pid, command[0].c_str(), &files, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

Finding judge(int status) {
  if (WIFSIGNALED(status)) return {Verdict::broken, fmt::format("ended by signal {}", WTERMSIG(status))};
  const int code = WEXITSTATUS(status);
  if (code == 0) return {Verdict::good, {}};
  return {code == kNotExecutable || code == kNotFound ? Verdict::broken : Verdict::bad,
          fmt::format("exit status {}", code)};
}

class ScriptProbe final : public Probe {
 public:
  ScriptProbe(net::Loop& loop, const CheckConfig& check, Done done) : done_(std::move(done)) {
    pid_t pid = 0;
    if (const int error = spawn(check.command, pid); error != 0) {
      limit_ = loop.after(Nanos(0), [this, error] {
        say({Verdict::broken, std::generic_category().message(error)});
      });
      return;
    }
    pid_ = pid;
    pid_fd_ = net::Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (pid_fd_) ended_ = loop.on_readable(pid_fd_.get(), [this] { reap(); });
    const bool watched = static_cast<bool>(pid_fd_);
    limit_ = loop.after(watched ? check.timeout : Nanos(0), [this, watched] {
      end();
      say({Verdict::broken, watched ? "it has not ended in time" : "pidfd_open failed"});
    });
  }
  ~ScriptProbe() override { end(); }
  ScriptProbe(const ScriptProbe&) = delete;
  ScriptProbe& operator=(const ScriptProbe&) = delete;
  ScriptProbe(ScriptProbe&&) = delete;
  ScriptProbe& operator=(ScriptProbe&&) = delete;

 private:
  void say(const Finding& finding) {
    limit_ = net::Watch();
    if (auto done = std::exchange(done_, nullptr)) done(finding);
  }
  void reap() {
    siginfo_t info{};
    if (pid_ == 0 || waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid != pid_)
      return;
    // While it is there to be waited for, nobody else has its number. What it has left behind goes, too.
    (void)kill(-pid_, SIGKILL);
    int status = 0;
    (void)waitpid(pid_, &status, 0);
    pid_ = 0;
    ended_ = net::Watch();
    say(judge(status));
  }
  /// The process and its group, at once.
  void end() {
    ended_ = net::Watch();
    if (pid_ == 0) return;
    (void)kill(-pid_, SIGKILL);
    (void)kill(pid_, SIGKILL);  // should it have left its group
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
  }
  Done done_;
  pid_t pid_ = 0;
  net::Fd pid_fd_;
  net::Watch ended_;
  net::Watch limit_;
};

}  // namespace

std::unique_ptr<Probe> start_script(net::Loop& loop, const CheckConfig& check, Probe::Done done) {
  return std::make_unique<ScriptProbe>(loop, check, std::move(done));
}

}  // namespace flagfall::collect
