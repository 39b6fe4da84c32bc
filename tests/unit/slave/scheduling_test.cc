// Against the real kernel; what needs a privilege is left out where there is none.
#include "slave/scheduling.hh"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "common/net/privileges.hh"

using namespace flagfall;         // NOLINT(*-using-namespace)
using namespace flagfall::slave;  // NOLINT(*-using-namespace)

namespace {

/// What `work` says in a process of its own: its return value, or its exception's text, or "died".
std::string in_child(const std::function<std::string()>& work) {
  std::array<int, 2> ends{};
  BOOST_REQUIRE(pipe(ends.data()) == 0);
  const pid_t child = fork();
  if (child == 0) {
    std::string said;
    try {
      said = work();
    } catch (const std::exception& e) {
      said = e.what();
    }
    const ssize_t written = write(ends[1], said.data(), said.size());
    _exit(written < 0 ? 1 : 0);
  }
  close(ends[1]);
  std::string said;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = read(ends[0], buffer.data(), buffer.size())) > 0;)
    said.append(buffer.data(), static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? said : "died";
}

/// No capability, and nothing of this resource.
void give_up(__rlimit_resource resource) {
  const rlimit none{0, 0};
  (void)setrlimit(resource, &none);
  net::drop_capabilities();
}

bool may_fifo() {
  return in_child([] {
           const InheritedScheduling fifo({.fifo = true});
           return std::string("yes");
         }) == "yes";
}

/// The policy and the number of CPUs of a thread that is started now.
std::pair<int, int> of_new_thread() {
  int policy = -1;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  std::thread([&] {
    policy = sched_getscheduler(0);
    (void)sched_getaffinity(0, sizeof cpus, &cpus);
  }).join();
  return {policy, CPU_COUNT(&cpus)};
}

unsigned first_cpu() {
  cpu_set_t cpus;
  (void)sched_getaffinity(0, sizeof cpus, &cpus);
  unsigned cpu = 0;
  while (!CPU_ISSET(cpu, &cpus)) ++cpu;
  return cpu;
}

std::string locked_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmLck:")) return line.substr(line.find_first_not_of(" \t", 6));
  return {};
}

/// Uses so many KiB of the stack.
unsigned deep(unsigned kib) {
  std::array<volatile char, 1024> room{};
  room[kib % room.size()] = 1;
  return (kib == 0 ? 0 : deep(kib - 1)) + static_cast<unsigned>(room[kib % room.size()]);
}

/// The sanitizers make mlockall() do nothing.
bool may_lock() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return false;
#else
  return true;
#endif
}
bool may_lock_all() {
  return may_lock() && in_child([] {
                         lock_memory();
                         return std::string("yes");
                       }) == "yes";
}

struct If {
  bool (*condition)();
  boost::test_tools::assertion_result operator()(boost::unit_test::test_unit_id /*unit*/) const {
    boost::test_tools::assertion_result result(condition());
    result.message() << "not permitted here";
    return result;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(scheduling)

BOOST_AUTO_TEST_CASE(nothing_asked_is_nothing_done) {
  const auto before = of_new_thread();
  const InheritedScheduling none({});
  BOOST_TEST((of_new_thread() == before));
}

BOOST_AUTO_TEST_CASE(a_thread_that_is_started_meanwhile_is_real_time_and_others_are_not,
                     *boost::unit_test::precondition(If{may_fifo})) {
  const int before = sched_getscheduler(0);
  {
    const InheritedScheduling fifo({.fifo = true, .priority = 7});
    BOOST_TEST(of_new_thread().first == SCHED_FIFO);
    sched_param param{};
    (void)sched_getparam(0, &param);
    BOOST_TEST(param.sched_priority == 7);
  }
  BOOST_TEST(sched_getscheduler(0) == before);
  BOOST_TEST(of_new_thread().first == before);
}

BOOST_AUTO_TEST_CASE(real_time_survives_the_loss_of_capabilities_and_going_back_needs_none,
                     *boost::unit_test::precondition(If{may_fifo})) {
  BOOST_TEST(in_child([] {
               std::string said;
               {
                 const InheritedScheduling fifo({.fifo = true, .cpu = first_cpu()});
                 net::drop_capabilities();
                 said += of_new_thread() == std::pair(SCHED_FIFO, 1) ? "fifo on one, " : "not, ";
               }
               return said + (of_new_thread().first == SCHED_OTHER ? "other" : "stuck");
             }) == "fifo on one, other");
}

BOOST_AUTO_TEST_CASE(a_pinned_thread_has_one_cpu_and_others_keep_theirs) {
  const auto before = of_new_thread();
  {
    const InheritedScheduling pinned({.cpu = first_cpu()});
    BOOST_TEST((of_new_thread() == std::pair(before.first, 1)));
  }
  BOOST_TEST((of_new_thread() == before));
}

BOOST_AUTO_TEST_CASE(a_cpu_that_is_not_there_is_named_and_nothing_changes) {
  const auto before = of_new_thread();
  for (const unsigned cpu : {1023U, 5000U}) {
    try {
      const InheritedScheduling pinned({.cpu = cpu});
      BOOST_ERROR("there is such a CPU");
    } catch (const std::runtime_error& e) {
      BOOST_TEST(
          std::string(e.what()).starts_with("transmit.cpu: this host has no CPU " + std::to_string(cpu)));
    }
  }
  BOOST_TEST((of_new_thread() == before));
}

BOOST_AUTO_TEST_CASE(real_time_that_is_not_permitted_says_what_to_do_and_leaves_the_cpus_as_they_were) {
  const std::string said = in_child([] {
    give_up(RLIMIT_RTPRIO);
    const auto before = of_new_thread();
    try {
      const InheritedScheduling fifo({.fifo = true, .priority = 42, .cpu = first_cpu()});
      return std::string("permitted");
    } catch (const std::runtime_error& e) {
      return std::string(of_new_thread() == before ? "" : "changed, ") + e.what();
    }
  });
  BOOST_TEST(said.starts_with("transmit.scheduler: SCHED_FIFO with priority 42: "));
  BOOST_TEST(said.find("LimitRTPRIO=42") != std::string::npos);
  BOOST_TEST(said.find("CAP_SYS_NICE") != std::string::npos);
  BOOST_TEST(said.find('\n') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(locked_memory_stays_locked_without_capabilities_and_the_stack_may_still_grow,
                     *boost::unit_test::precondition(If{may_lock_all})) {
  BOOST_TEST(in_child([] {
               lock_memory();
               net::drop_capabilities();
               if (locked_kib() == "0 kB") return std::string("nothing is locked");
               // More than the limit that containers and services get by default.
               std::vector<char> more(std::size_t{64} << 20, 'x');
               return std::string(deep(4000) > 0 && more.back() == 'x' ? "alive" : "");
             }) == "alive");
}

BOOST_AUTO_TEST_CASE(memory_that_may_not_be_locked_says_what_to_do,
                     *boost::unit_test::precondition(If{may_lock})) {
  const std::string said = in_child([] {
    give_up(RLIMIT_MEMLOCK);
    lock_memory();
    return std::string("permitted");
  });
  BOOST_TEST(said.starts_with("transmit.lock_memory: "));
  BOOST_TEST(said.find("LimitMEMLOCK=infinity") != std::string::npos);
  BOOST_TEST(said.find('\n') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(cpus_are_kept_awake_or_the_error_says_why_not) {
  const bool may = access("/dev/cpu_dma_latency", W_OK) == 0;
  try {
    BOOST_TEST(static_cast<bool>(keep_cpus_awake()));
    BOOST_TEST(may);
  } catch (const std::runtime_error& e) {
    BOOST_TEST(!may);
    BOOST_TEST(std::string(e.what()).starts_with("transmit.cpu_dma_latency: /dev/cpu_dma_latency: "));
  }
}

BOOST_AUTO_TEST_SUITE_END()
