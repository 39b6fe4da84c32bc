#include "common/net/steering.hh"

#include <fmt/core.h>
#include <poll.h>

#include <boost/test/unit_test.hpp>
#include <map>
#include <set>
#include <system_error>
#include <vector>

#include "common/net/udp.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test

namespace {

constexpr unsigned kSockets = 4;
constexpr std::uint32_t kSeed = 0x1234567;

struct Group {
  std::vector<net::Fd> sockets;
  Endpoint at;
  net::UdpReceiver in{64};
  net::UdpSender out{64};

  explicit Group(const char* address, unsigned prefix) {
    at = {*parse_ip(address), 0};
    for (unsigned i = 0; i < kSockets; ++i) {
      sockets.push_back(net::udp_socket(at, {.reuse_port = true}));
      at = net::local_endpoint(sockets.front());
    }
    net::steer_by_source(sockets.front(), at.ip.family, prefix, kSockets, kSeed);
  }

  /// Which socket gets a datagram from this source; -1 when none does.
  int reached(const std::string& source, bool foreign = false) {
    const net::Fd from = net::udp_socket({*parse_ip(source), 0}, {.foreign_source = foreign});
    out.commit(8, at);
    BOOST_TEST(out.flush(from).sent == 1U);
    std::vector<pollfd> polls;
    for (const net::Fd& fd : sockets) polls.push_back({fd.get(), POLLIN, 0});
    (void)poll(polls.data(), polls.size(), 1000);
    for (unsigned i = 0; i < kSockets; ++i)
      if (!in.receive(sockets[i]).empty()) return static_cast<int>(i);
    return -1;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(steering)

BOOST_AUTO_TEST_CASE(all_addresses_and_ports_of_an_ipv4_network_reach_one_socket) {
  Group group("127.0.0.1", 24);
  for (int network = 1; network <= 8; ++network) {
    std::set<int> reached;
    for (const int host : {1, 2, 77, 200, 254})
      reached.insert(group.reached(fmt::format("127.0.{}.{}", network, host)));
    BOOST_TEST(reached.size() == 1U);
    BOOST_TEST(*reached.begin() >= 0);
  }
}

BOOST_AUTO_TEST_CASE(ipv4_networks_spread_over_all_sockets) {
  Group group("127.0.0.1", 24);
  std::map<int, int> share;
  constexpr int kNetworks = 400;
  for (int i = 0; i < kNetworks; ++i) ++share[group.reached(fmt::format("127.{}.{}.1", i / 200, i % 200))];
  BOOST_TEST(share.size() == kSockets);
  BOOST_TEST(share.count(-1) == 0U);
  for (const auto& [socket, count] : share) BOOST_TEST(count > kNetworks / static_cast<int>(kSockets) / 2);
}

BOOST_AUTO_TEST_CASE(an_ipv6_network_reaches_one_socket_and_networks_spread) {
  Group group("::1", 56);
  BOOST_TEST(group.reached("::1") == group.reached("::1"));
  std::map<int, int> share;
  try {
    for (int i = 0; i < 100; ++i) {
      const int first = group.reached(fmt::format("2001:db8:{:x}:4{:02x}::1", i / 10, i), true);
      BOOST_TEST(first == group.reached(fmt::format("2001:db8:{:x}:4{:02x}:ffff::2", i / 10, i ^ 1), true));
      ++share[first];
    }
  } catch (const std::system_error& e) {
    BOOST_REQUIRE(e.code().value() == EPERM);  // spread over invented sources needs CAP_NET_RAW
    return;
  }
  BOOST_TEST(share.count(-1) == 0U);
  BOOST_TEST(share.size() > 1U);
}

BOOST_AUTO_TEST_SUITE_END()
