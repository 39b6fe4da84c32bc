#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdlib>
#include <string>

#include "sim/campaign.hh"

BOOST_AUTO_TEST_SUITE(crash)

// A failed assertion in a core is one, too: without the seed nobody could play that world again.
BOOST_AUTO_TEST_CASE(a_core_that_crashes_leaves_the_seed_of_its_world) {
  std::array<int, 2> pipe{};
  BOOST_REQUIRE(::pipe(pipe.data()) == 0);
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(pipe[1], STDERR_FILENO);
    // What the test's own process does with signals is not meant.
    for (const int signal : {SIGABRT, SIGSEGV, SIGFPE}) (void)std::signal(signal, SIG_DFL);
    flagfall::sim::name_seeds_of_crashes();
    flagfall::sim::now_playing(4711);
    std::abort();
  }
  ::close(pipe[1]);
  std::string said;
  std::array<char, 256> piece{};
  for (ssize_t n = 0; (n = ::read(pipe[0], piece.data(), piece.size())) > 0;)
    said.append(piece.data(), static_cast<std::size_t>(n));
  ::close(pipe[0]);
  int status = 0;
  BOOST_TEST(::waitpid(child, &status, 0) == child);
  BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT));
  BOOST_TEST(said.find("seed 4711: crashed") != std::string::npos, said);
  BOOST_TEST(said.find("--seed 4711 --trace") != std::string::npos, said);
}

BOOST_AUTO_TEST_SUITE_END()
