// RAII over libevent: one Loop a thread. Callbacks run on that thread and must
// not throw (an exception through libevent's C frames is a bug: it aborts).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "common/base/time.hh"

struct event;
struct event_base;

namespace flagfall::net {

using Callback = std::function<void()>;

/// A registered event; its destruction deregisters it. May be destroyed from its own callback.
class Watch {
 public:
  Watch() = default;
  /// Of on_readable() and on_writable(): the loop lets it be until resume(). Allocates nothing; the loop's
  /// thread.
  void pause();
  void resume();

 private:
  friend class Loop;
  struct State;
  struct Deleter {
    void operator()(State* state) const;
  };
  explicit Watch(State* state) : state_(state) {}
  std::unique_ptr<State, Deleter> state_;
};

class Loop {
 public:
  /// How exact timers are: to about 0.1 ms at the price of one more system call a
  /// round, or to the millisecond.
  enum class Timers : std::uint8_t { precise, coarse };
  explicit Loop(Timers timers = Timers::precise);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  Loop(Loop&&) = delete;
  Loop& operator=(Loop&&) = delete;

  /// While `fd` is readable (level triggered).
  [[nodiscard]] Watch on_readable(int fd, Callback callback);
  /// While `fd` can be written to (level triggered).
  [[nodiscard]] Watch on_writable(int fd, Callback callback);
  /// Every `interval`, first after one interval.
  [[nodiscard]] Watch every(Nanos interval, Callback callback);
  /// Once, after `delay`. Milliseconds late at worst: never for a race's instant.
  [[nodiscard]] Watch after(Nanos delay, Callback callback);
  [[nodiscard]] Watch on_signal(int number, Callback callback);

  /// Until stop(), or until no event is registered.
  void run();
  /// The same, with a call of `between` after each round of callbacks.
  void run(const Callback& between);
  /// Ends run() after the callbacks that are due; from the loop's own thread.
  void stop();
  /// Runs `callback` on the loop's thread soon. The one function that other threads may call. Allocates.
  void post(Callback callback);

  [[nodiscard]] event_base* raw() const { return base_; }

 private:
  struct Mailbox;
  event_base* base_ = nullptr;
  std::unique_ptr<Mailbox> mailbox_;
  Watch mailbox_watch_;
};

}  // namespace flagfall::net
