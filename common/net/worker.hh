// Long work off a loop's thread: one piece at a time, in a thread of its own,
// whose result comes back to the loop as a callback. For what takes seconds, such
// as reading a large file; nothing on the path of a packet. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "common/net/loop.hh"

namespace flagfall::net {

class Worker {
 public:
  /// Runs on the worker's thread and must not throw; what it returns then runs on the loop's.
  using Work = std::function<Callback()>;

  /// `loop` outlives the worker.
  explicit Worker(Loop& loop);
  /// Waits for the work that is under way; what it returns does not run any more.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  Worker(Worker&&) = delete;
  Worker& operator=(Worker&&) = delete;

  /// From start() until the result's callback runs.
  [[nodiscard]] bool busy() const { return thread_.joinable(); }
  /// Only when not busy. Throws std::system_error when there is no thread to be had.
  void start(Work work);

 private:
  Loop& loop_;
  std::thread thread_;
  std::shared_ptr<Worker*> self_;  // null inside: the worker is gone
};

}  // namespace flagfall::net
