#include "common/net/worker.hh"

#include <cassert>
#include <csignal>
#include <utility>

namespace flagfall::net {

Worker::Worker(Loop& loop) : loop_(loop), self_(std::make_shared<Worker*>(this)) {}

Worker::~Worker() {
  if (thread_.joinable()) thread_.join();
  *self_ = nullptr;
}

void Worker::start(Work work) {
  assert(!busy());
  // Signals belong to the loop's thread.
  sigset_t all{};
  sigset_t before{};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto restore = [&before](void*) { pthread_sigmask(SIG_SETMASK, &before, nullptr); };
  const std::unique_ptr<void, decltype(restore)> guard(this, restore);
  thread_ = std::thread([this, work = std::move(work), self = self_] {
    loop_.post([self, result = work()] {
      if (*self == nullptr) return;
      (*self)->thread_.join();
      if (result) result();
    });
  });
}

}  // namespace flagfall::net
