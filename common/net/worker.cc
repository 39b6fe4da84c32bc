#include "common/net/worker.hh"

#include <cassert>
#include <utility>

#include "common/base/quiet_thread.hh"

namespace flagfall::net {

Worker::Worker(Loop& loop) : loop_(loop), self_(std::make_shared<Worker*>(this)) {}

Worker::~Worker() {
  if (thread_.joinable()) thread_.join();
  *self_ = nullptr;
}

void Worker::start(Work work) {
  assert(!busy());
  thread_ = thread_without_signals([this, work = std::move(work), self = self_] {
    loop_.post([self, result = work()] {
      if (*self == nullptr) return;
      (*self)->thread_.join();
      if (result) result();
    });
  });
}

}  // namespace flagfall::net
