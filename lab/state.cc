#include "lab/state.hh"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <set>
#include <system_error>
#include <thread>

#include "lab/hosts.hh"
#include "lab/names.hh"

namespace flagfall::lab {

namespace fs = std::filesystem;

namespace {

pid_t pid_in(const net::Fd& file) {
  std::array<char, 16> text{};
  const ssize_t n = ::pread(file.get(), text.data(), text.size(), 0);
  pid_t pid = 0;
  if (n > 0) std::from_chars(text.data(), text.data() + n, pid);
  return pid;
}

bool alive(pid_t pid) {
  return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM);
}

}  // namespace

Result<net::Fd> take_lock(const std::string& lab) {
  fs::create_directories(kStateDirectory);
  const std::string path = lock_path(lab);
  net::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file) throw std::system_error(errno, std::generic_category(), "cannot open " + path);
  constexpr int kTries = 250;
  for (int i = 0; ::flock(file.get(), LOCK_EX | LOCK_NB) != 0; ++i) {
    const pid_t owner = pid_in(file);
    if (alive(owner))
      return Error{"lab '" + lab + "' is running (process " + std::to_string(owner) +
                   "); stop it with: flagfall-lab clean " + lab};
    if (i == kTries) return Error{"lab '" + lab + "' has died and is not cleaned up; try again in a moment"};
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file.get(), 0) != 0 || ::pwrite(file.get(), pid.data(), pid.size(), 0) < 0)
    throw std::system_error(errno, std::generic_category(), "cannot write " + path);
  return file;
}

std::optional<pid_t> running_lab(const std::string& lab) {
  const net::Fd file(::open(lock_path(lab).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || ::flock(file.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;
  return pid_in(file);
}

std::vector<std::string> known_labs() {
  std::set<std::string> labs;
  for (std::string& lab : labs_with_namespaces()) labs.insert(std::move(lab));
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(kStateDirectory, ignored))
    if (entry.path().extension() == ".lock" && running_lab(entry.path().stem()))
      labs.insert(entry.path().stem());
  return {labs.begin(), labs.end()};
}

void clean(const std::string& lab) {
  remove_hosts(lab);
  ::unlink(control_path(lab).c_str());
}

Janitor::Janitor(std::string lab) {
  std::array<int, 2> ends{};
  net::check(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const net::Fd watched(ends[0]);
  lifeline_ = net::Fd(ends[1]);
  pid_ = net::check(::fork(), "fork");
  if (pid_ != 0) return;

  // The janitor. In a session of its own: what ends the lab's terminal or process group spares it.
  lifeline_ = net::Fd();
  ::setsid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
  char nothing = 0;
  while (::read(watched.get(), &nothing, 1) < 0 && errno == EINTR) {
  }
  int status = 0;
  try {
    clean(lab);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagfall-lab: cannot clean up lab %s: %s\n", lab.c_str(), error.what());
    status = 1;
  }
  ::_exit(status);
}

Janitor::~Janitor() {
  lifeline_ = net::Fd();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace flagfall::lab
