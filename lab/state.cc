#include "lab/state.hh"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

/// The process that holds the file's record lock: the lab itself. Its janitor, which shares only the
/// flock, does not, and neither does a dead process that its parent has not waited for yet.
std::optional<pid_t> owner_of(const net::Fd& file) {
  struct flock record {};
  record.l_type = F_WRLCK;
  record.l_whence = SEEK_SET;
  net::check(::fcntl(file.get(), F_GETLK, &record), "fcntl F_GETLK");
  if (record.l_type == F_UNLCK) return std::nullopt;
  return record.l_pid;
}

void own(const net::Fd& file) {
  struct flock record {};
  record.l_type = F_WRLCK;
  record.l_whence = SEEK_SET;
  net::check(::fcntl(file.get(), F_SETLK, &record), "fcntl F_SETLK");
}

}  // namespace

Result<net::Fd> take_lock(const std::string& lab) {
  fs::create_directories(kStateDirectory);
  const std::string path = lock_path(lab);
  net::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file) throw std::system_error(errno, std::generic_category(), "cannot open " + path);
  constexpr int kTries = 250;
  for (int i = 0; ::flock(file.get(), LOCK_EX | LOCK_NB) != 0; ++i) {
    if (const auto owner = owner_of(file))
      return Error{fmt::format("lab '{0}' is running (process {1}); stop it with: flagfall-lab clean {0}",
                               lab, *owner)};
    if (i == kTries) return Error{"lab '" + lab + "' has died and is not cleaned up; try again in a moment"};
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  own(file);
  return file;
}

std::optional<pid_t> running_lab(const std::string& lab) {
  const net::Fd file(::open(lock_path(lab).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || ::flock(file.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;
  return owner_of(file).value_or(0);
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

namespace {

/// The janitor's life. In a session of its own: what ends the lab's terminal or process group spares it.
[[noreturn]] void wait_and_clean(const net::Fd& lifeline, const std::string& lab) {
  ::setsid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
  char nothing = 0;
  while (::read(lifeline.get(), &nothing, 1) < 0 && errno == EINTR) {
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

}  // namespace

Janitor::Janitor(const std::string& lab) {
  std::array<int, 2> ends{};
  net::check(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const net::Fd watched(ends[0]);
  lifeline_ = net::Fd(ends[1]);
  pid_ = net::check(::fork(), "fork");  // NOLINT(*-prefer-member-initializer): the pipe comes first
  if (pid_ != 0) return;
  lifeline_ = net::Fd();
  wait_and_clean(watched, lab);
}

Janitor::~Janitor() {
  lifeline_ = net::Fd();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace flagfall::lab
