#include "lab/process.hh"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

namespace flagfall::lab {

namespace {

net::Fd text_file(const std::string& text) {
  net::Fd fd(net::check(memfd_create("input", MFD_CLOEXEC), "memfd_create"));
  std::size_t done = 0;
  while (done < text.size())
    done += static_cast<std::size_t>(net::check(
        static_cast<int>(::write(fd.get(), text.data() + done, text.size() - done)), "write to memfd"));
  net::check(static_cast<int>(::lseek(fd.get(), 0, SEEK_SET)), "lseek");
  return fd;
}

/// posix_spawn's two attribute objects, destroyed on every way out.
struct SpawnSettings {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  SpawnSettings(SpawnSettings&&) = delete;
  SpawnSettings& operator=(SpawnSettings&&) = delete;
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

}  // namespace

Child start(const std::vector<std::string>& argv, const std::optional<std::string>& input) {
  SpawnSettings settings;
  net::Fd in;
  if (input) {
    in = text_file(*input);
    posix_spawn_file_actions_adddup2(&settings.actions, in.get(), STDIN_FILENO);
  }
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const std::string& word : argv)
    words.push_back(const_cast<char*>(word.c_str()));  // NOLINT(*-const-cast)
  words.push_back(nullptr);
  Child child;
  const int error =
      posix_spawnp(&child.pid, words[0], &settings.actions, &settings.attributes, words.data(), environ);
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot run " + argv.front());
  // glibc 2.36 declares pidfd_open() for C only.
  child.pidfd = net::Fd(net::check(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0)), "pidfd_open"));
  return child;
}

int wait_for(const Child& child) {
  int status = 0;
  while (waitpid(child.pid, &status, 0) < 0)
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void ip_batch(const std::string& commands, bool force) {
  std::vector<std::string> argv{"ip"};
  if (force) argv.emplace_back("-force");
  argv.insert(argv.end(), {"-batch", "-"});
  const int status = wait_for(start(argv, commands));
  if (status != 0 && !force)
    throw std::runtime_error("ip failed (exit status " + std::to_string(status) + "): see the line above");
}

}  // namespace flagfall::lab
