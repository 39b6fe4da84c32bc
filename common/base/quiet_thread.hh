// A thread that no signal is delivered to: signals belong to the daemon's loop.
#pragma once

#include <signal.h>  // NOLINT(modernize-deprecated-headers): pthread_sigmask is POSIX, not <csignal>'s

#include <memory>
#include <thread>
#include <utility>

namespace flagfall {

/// Throws std::system_error when there can be no thread; the caller's own signals are as before in any case.
template <class Work>
std::thread thread_without_signals(Work work) {
  sigset_t all{};
  sigset_t before{};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto restore = [&before](void*) { pthread_sigmask(SIG_SETMASK, &before, nullptr); };
  const std::unique_ptr<void, decltype(restore)> guard(&all, restore);
  return std::thread(std::move(work));
}

}  // namespace flagfall
