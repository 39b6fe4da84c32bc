#include "slave/waker.hh"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace flagfall::slave {

Waker::Waker(const Clock& clock)
    : clock_(clock),
      timer_(net::check(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")),
      event_(net::check(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")) {}

void Waker::sleep(std::optional<MonoTime> until) {
  itimerspec when{};  // zero disarms
  if (until) when.it_value = to_timespec(std::max(clock_.arm(*until).time_since_epoch(), Nanos(1)));
  (void)timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
  std::array<pollfd, 2> fds{{{timer_.get(), POLLIN, 0}, {event_.get(), POLLIN, 0}}};
  (void)ppoll(fds.data(), fds.size(), nullptr, nullptr);
  std::uint64_t count = 0;
  if ((fds[1].revents & POLLIN) != 0) (void)(read(event_.get(), &count, sizeof count) < 0);
}

void Waker::wake() {
  const std::uint64_t one = 1;
  (void)(write(event_.get(), &one, sizeof one) < 0);
}

}  // namespace flagfall::slave
