// A thread that writes behind its owner's back, and that its owner does not wait for longer than it has
// patience: a disk may hang. What both use is shared, so that a thread which is left to itself harms nobody.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "common/base/quiet_thread.hh"
#include "common/base/time.hh"

namespace flagfall::store {

/// What the two threads share; a store derives its own from it.
class Shared {
 public:
  virtual ~Shared() = default;
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  Shared(Shared&&) = delete;
  Shared& operator=(Shared&&) = delete;

  /// The thread's life; ends soon after `stopping`.
  virtual void run() = 0;

  mutable std::mutex mutex;
  std::condition_variable wake;  // of the thread
  bool stopping = false;

 protected:
  Shared() = default;

 private:
  friend class Background;
  std::condition_variable done_;
  bool ended_ = false;
};

class Background {
 public:
  explicit Background(const std::shared_ptr<Shared>& shared)
      : shared_(shared), thread_(thread_without_signals([shared] {
          shared->run();
          const std::scoped_lock lock(shared->mutex);
          shared->ended_ = true;
          shared->done_.notify_all();
        })) {}
  ~Background() {
    if (thread_.joinable()) thread_.detach();
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  Background(Background&&) = delete;
  Background& operator=(Background&&) = delete;

  /// Once. False: it does not end, and is left to itself.
  bool stop(Nanos patience) {
    bool ended = false;
    {
      std::unique_lock lock(shared_->mutex);
      shared_->stopping = true;
      shared_->wake.notify_all();
      ended = shared_->done_.wait_for(lock, patience, [&] { return shared_->ended_; });
    }
    if (ended) thread_.join();
    return ended;
  }

 private:
  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace flagfall::store
