#include "slave/scheduling.hh"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>

namespace flagfall::slave {
namespace {

constexpr const char* kLatencyDevice = "/dev/cpu_dma_latency";

std::string reason(int error) {
  return std::generic_category().message(error);
}

/// Raises the soft limit as far as we may; returns it.
rlim_t raise_limit(__rlimit_resource resource) {
  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(resource, &limit) == 0) return RLIM_INFINITY;  // with CAP_SYS_RESOURCE
  (void)getrlimit(resource, &limit);
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(resource, &limit);
  return limit.rlim_cur;
}

void set_fifo(int priority) {
  // The kernel asks for CAP_SYS_NICE or for this limit.
  (void)raise_limit(RLIMIT_RTPRIO);
  sched_param param{};
  param.sched_priority = priority;
  if (sched_setscheduler(0, SCHED_FIFO, &param) == 0) return;
  throw std::runtime_error(
      fmt::format("transmit.scheduler: SCHED_FIFO with priority {0}: {1}; allow it with LimitRTPRIO={0} and "
                  "RestrictRealtime=no (configs/systemd/flagfall-slave-realtime.conf), `ulimit -r {0}` or "
                  "CAP_SYS_NICE",
                  priority, reason(errno)));
}

void set_cpu(unsigned cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  if (cpu < CPU_SETSIZE) CPU_SET(cpu, &only);
  if (sched_setaffinity(0, sizeof only, &only) == 0) return;
  if (errno == EINVAL)
    throw std::runtime_error(
        fmt::format("transmit.cpu: this host has no CPU {}, or keeps us off it (see `taskset -p 1`)", cpu));
  throw std::runtime_error(
      fmt::format("transmit.cpu: pinning the transmit thread to CPU {}: {}; under systemd allow it with "
                  "SystemCallFilter=@resources (configs/systemd/flagfall-slave-realtime.conf)",
                  cpu, reason(errno)));
}

/// A stack that is locked cannot grow beyond the limit, which would end the
/// program. Only the main thread's grows, and that one sends nothing.
void unlock_main_stack() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (!line.ends_with("[stack]")) continue;
    char* end = nullptr;
    const std::uint64_t from = std::strtoull(line.c_str(), &end, 16);
    const std::uint64_t to = std::strtoull(end + 1, nullptr, 16);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): that is what the kernel tells
    if (munlock(reinterpret_cast<const void*>(from), to - from) == 0) return;
  }
  munlockall();
  throw std::runtime_error(
      "transmit.lock_memory: cannot find the stack in /proc/self/maps: mount /proc, or set "
      "LimitMEMLOCK=infinity");
}

}  // namespace

InheritedScheduling::InheritedScheduling(const Scheduling& scheduling) {
  cpu_set_t cpus;
  net::check(sched_getaffinity(0, sizeof cpus, &cpus), "sched_getaffinity");
  if (scheduling.cpu) {
    set_cpu(*scheduling.cpu);
    cpus_ = cpus;
  }
  if (!scheduling.fifo) return;
  try {
    set_fifo(scheduling.priority);
  } catch (...) {
    go_back();
    throw;
  }
  fifo_ = true;
}

InheritedScheduling::~InheritedScheduling() {
  go_back();
}

void InheritedScheduling::go_back() const {
  const sched_param none{};
  if (fifo_) (void)sched_setscheduler(0, SCHED_OTHER, &none);
  if (cpus_) (void)sched_setaffinity(0, sizeof *cpus_, &*cpus_);
}

void lock_memory() {
  const rlim_t limit = raise_limit(RLIMIT_MEMLOCK);
  const bool unlimited = limit == RLIM_INFINITY;
  // With a limit, MCL_FUTURE would make allocations fail once the capability is given up.
  if (mlockall(MCL_CURRENT | MCL_ONFAULT | (unlimited ? MCL_FUTURE : 0)) != 0)
    throw std::runtime_error(
        fmt::format("transmit.lock_memory: {}, the limit is {} KiB: allow it with LimitMEMLOCK=infinity "
                    "(configs/systemd/flagfall-slave-realtime.conf), `ulimit -l unlimited` or CAP_IPC_LOCK",
                    reason(errno), limit / 1024));
  if (!unlimited) unlock_main_stack();
}

net::Fd keep_cpus_awake() {
  net::Fd fd(open(kLatencyDevice, O_WRONLY | O_CLOEXEC));
  const std::int32_t microseconds = 0;
  if (fd && write(fd.get(), &microseconds, sizeof microseconds) == sizeof microseconds) return fd;
  const bool absent = errno == ENOENT;
  throw std::runtime_error(fmt::format(
      "transmit.cpu_dma_latency: {}: {}; {}", kLatencyDevice, reason(errno),
      absent ? "this kernel (or PrivateDevices=yes) has none: leave the option off"
             : "let the slave's user write it (configs/systemd/flagfall-slave-realtime.conf says how)"));
}

}  // namespace flagfall::slave
