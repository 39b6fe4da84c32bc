#include "common/net/loop.hh"

#include <event2/event.h>
#include <event2/thread.h>
#include <sys/eventfd.h>

#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "common/net/fd.hh"

namespace flagfall::net {

struct Watch::State {
  event* handle = nullptr;
  Callback callback;
  bool running = false;
  bool doomed = false;

  static void fire(int /*fd*/, short /*what*/,
                   void* self) {  // NOLINT(google-runtime-int): libevent's signature
    auto* state = static_cast<State*>(self);
    state->running = true;
    state->callback();
    state->running = false;
    if (state->doomed) delete state;  // NOLINT(*-owning-memory): destroyed from its own callback
  }
};

void Watch::Deleter::operator()(State* state) const {
  event_free(state->handle);
  if (state->running) {
    state->doomed = true;
  } else {
    delete state;  // NOLINT(*-owning-memory)
  }
}

void Watch::pause() {
  event_del(state_->handle);
}
void Watch::resume() {
  event_add(state_->handle, nullptr);
}

struct Loop::Mailbox {
  Fd wake{check(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")};
  std::mutex mutex;
  std::vector<Callback> waiting;
};

namespace {

timeval to_timeval(Nanos ns) {
  const timespec t = to_timespec(ns);
  return {t.tv_sec, t.tv_nsec / 1000};
}

}  // namespace

Loop::Loop(Timers timers) : mailbox_(std::make_unique<Mailbox>()) {
  static const int threads = evthread_use_pthreads();
  if (threads != 0) throw std::runtime_error("libevent was built without threads");
  event_config* config = event_config_new();
  if (timers == Timers::precise) event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
  base_ = event_base_new_with_config(config);
  event_config_free(config);
  if (base_ == nullptr) throw std::runtime_error("libevent: no event base");
  mailbox_watch_ = on_readable(mailbox_->wake.get(), [this] {
    std::uint64_t count = 0;
    const ssize_t got = read(mailbox_->wake.get(), &count, sizeof count);
    static_cast<void>(got);  // only empties it
    std::vector<Callback> due;
    {
      const std::lock_guard lock(mailbox_->mutex);
      due.swap(mailbox_->waiting);
    }
    for (const Callback& callback : due) callback();
  });
}

Loop::~Loop() {
  mailbox_watch_ = Watch();
  event_base_free(base_);
}

Watch Loop::on_readable(int fd, Callback callback) {
  Watch watch(new Watch::State{nullptr, std::move(callback)});
  watch.state_->handle = event_new(base_, fd, EV_READ | EV_PERSIST, Watch::State::fire, watch.state_.get());
  event_add(watch.state_->handle, nullptr);
  return watch;
}

Watch Loop::on_writable(int fd, Callback callback) {
  Watch watch(new Watch::State{nullptr, std::move(callback)});
  watch.state_->handle = event_new(base_, fd, EV_WRITE | EV_PERSIST, Watch::State::fire, watch.state_.get());
  event_add(watch.state_->handle, nullptr);
  return watch;
}

Watch Loop::every(Nanos interval, Callback callback) {
  Watch watch(new Watch::State{nullptr, std::move(callback)});
  watch.state_->handle = event_new(base_, -1, EV_PERSIST, Watch::State::fire, watch.state_.get());
  const timeval t = to_timeval(interval);
  event_add(watch.state_->handle, &t);
  return watch;
}

Watch Loop::after(Nanos delay, Callback callback) {
  Watch watch(new Watch::State{nullptr, std::move(callback)});
  watch.state_->handle = event_new(base_, -1, 0, Watch::State::fire, watch.state_.get());
  const timeval t = to_timeval(delay);
  event_add(watch.state_->handle, &t);
  return watch;
}

Watch Loop::on_signal(int number, Callback callback) {
  Watch watch(new Watch::State{nullptr, std::move(callback)});
  watch.state_->handle = evsignal_new(base_, number, Watch::State::fire, watch.state_.get());
  event_add(watch.state_->handle, nullptr);
  return watch;
}

void Loop::run() {
  event_base_dispatch(base_);
}
void Loop::run(const Callback& between) {
  // 1: no event is registered
  while (event_base_loop(base_, EVLOOP_ONCE) != 1 && event_base_got_exit(base_) == 0) between();
}
void Loop::stop() {
  event_base_loopexit(base_, nullptr);
}

void Loop::post(Callback callback) {
  {
    const std::lock_guard lock(mailbox_->mutex);
    mailbox_->waiting.push_back(std::move(callback));
  }
  const std::uint64_t one = 1;
  const ssize_t put = write(mailbox_->wake.get(), &one, sizeof one);
  static_cast<void>(put);  // a full eventfd wakes as well
}

}  // namespace flagfall::net
