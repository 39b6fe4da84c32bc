#include "common/net/acceptor.hh"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <vector>

#include "common/net/tcp.hh"
#include "common/net/udp.hh"
#include "tests/unit/net/dial.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using net::testing::dial;

namespace {

struct Taken {
  net::Fd fd;
  Endpoint peer;
  std::size_t listener;
};

struct Host {
  net::Loop loop;
  Counter errors;
  std::vector<Taken> taken;
  net::Acceptor acceptor{loop, errors, [this](net::Fd fd, const Endpoint& peer, std::size_t listener) {
                           taken.push_back({std::move(fd), peer, listener});
                         }};

  explicit Host(const std::vector<const char*>& addresses) {
    for (const char* each : addresses) acceptor.add(net::tcp_listener({*parse_ip(each), 0}, false));
    acceptor.start();
  }
  void run(Nanos time) {
    const net::Watch end = loop.after(time, [this] { loop.stop(); });
    loop.run();
  }
};

/// No descriptor beyond those that are open, while it lives.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const net::Fd next(open("/dev/null", O_RDONLY | O_CLOEXEC));
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(next.get());
    setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoMoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors(NoMoreDescriptors&&) = delete;
  NoMoreDescriptors& operator=(NoMoreDescriptors&&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(acceptor)

BOOST_AUTO_TEST_CASE(each_connection_is_taken_once_with_its_peer_and_the_listener_that_it_came_to) {
  Host host({"127.0.0.1", "::1"});
  const std::vector<Endpoint> at = host.acceptor.local();
  BOOST_REQUIRE(at.size() == 2U);
  std::vector<net::Fd> clients;
  clients.reserve(100);
  for (int i = 0; i < 100; ++i) clients.push_back(dial(at[static_cast<std::size_t>(i % 2)]));
  host.run(30ms);
  BOOST_REQUIRE(host.taken.size() == 100U);
  std::size_t known = 0;
  for (const Taken& each : host.taken)
    for (const net::Fd& client : clients)
      if (net::local_endpoint(client) == each.peer && each.peer.ip == at[each.listener].ip) ++known;
  BOOST_TEST(known == 100U);
  BOOST_TEST(host.errors.get() == 0U);
}

BOOST_AUTO_TEST_CASE(without_descriptors_connections_wait_and_the_loop_does_not_spin) {
  Host host({"127.0.0.1"});
  const net::Fd client = dial(host.acceptor.local().front());
  {
    const NoMoreDescriptors no_more;
    host.run(50ms);
    BOOST_TEST(host.taken.empty());
    BOOST_TEST(host.errors.get() == 1U);
  }
  host.run(150ms);
  BOOST_TEST(host.taken.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
