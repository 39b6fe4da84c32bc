// Connections become figures about client networks; the kernel's own words over loopback.
#include "collect/tcp_paths.hh"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <boost/test/unit_test.hpp>

#include "collect/tcp_reader.hh"
#include "common/base/random.hh"
#include "common/net/fd.hh"
#include "common/net/sockaddr.hh"
#include "common/net/tcp.hh"
#include "common/net/udp.hh"
#include "common/wire/session.hh"

using namespace flagfall;           // NOLINT(google-build-using-namespace): a test
using namespace flagfall::collect;  // NOLINT(google-build-using-namespace): a test
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

TcpConnection connection(const std::string& peer, Nanos smoothed, Nanos least) {
  TcpConnection out;
  out.local = *parse_endpoint("192.0.2.80:443");
  out.peer = {*parse_ip(peer), 40000};
  out.open = true;
  out.smoothed = smoothed;
  out.least = least;
  out.sent = 1000;
  return out;
}

const PathOptions kOptions{.servers = {*parse_endpoint("192.0.2.80:443"), *parse_endpoint("[::]:80")}};

}  // namespace

BOOST_AUTO_TEST_SUITE(tcp_paths)

BOOST_AUTO_TEST_CASE(connections_of_one_network_are_one_path) {
  TcpPaths paths(kOptions);
  auto one = connection("198.51.100.1", milliseconds(30), milliseconds(20));
  one.rate = 1000;
  one.retransmitted = 100;
  auto two = connection("198.51.100.200", milliseconds(40), milliseconds(15));
  auto three = connection("198.51.100.3", milliseconds(50), Nanos(0));
  three.rate = 3000;
  for (const auto& c : {one, two, three}) paths.add(c);
  paths.add(connection("203.0.113.9", milliseconds(5), milliseconds(5)));
  BOOST_TEST(paths.open() == 4U);
  const auto told = paths.take();
  BOOST_REQUIRE(told.size() == 2U);
  BOOST_TEST((told[0].client == *parse_prefix("198.51.100.0/24")));
  BOOST_TEST((told[0].smoothed == milliseconds(40)));
  BOOST_TEST((told[0].least == milliseconds(15)));
  BOOST_TEST(told[0].rate == 3000U);
  BOOST_TEST(told[0].retransmitted == 33'333U);
  BOOST_TEST(told[0].connections == 3U);
  BOOST_TEST(told[1].rate == 0U);
  BOOST_TEST(paths.take().empty());
}

BOOST_AUTO_TEST_CASE(only_the_servers_connections_count_and_only_clients_with_fresh_figures) {
  TcpPaths paths(kOptions);
  auto elsewhere = connection("198.51.100.1", milliseconds(30), milliseconds(20));
  elsewhere.local.port = 22;
  auto own = connection("192.0.2.80", milliseconds(1), milliseconds(1));
  auto stale = connection("198.51.100.1", milliseconds(30), milliseconds(20));
  stale.quiet = seconds(6);
  auto young = connection("198.51.100.1", Nanos(0), Nanos(0));
  for (const auto& c : {elsewhere, own, stale, young}) paths.add(c);
  BOOST_TEST(paths.open() == 3U);
  BOOST_TEST(paths.take().empty());
  auto any = connection("198.51.100.1", milliseconds(30), milliseconds(20));
  any.local = *parse_endpoint("10.0.0.1:80");  // [::] takes IPv4, too
  paths.add(any);
  any.local = *parse_endpoint("[2001:db8::80]:80");
  any.peer.ip = *parse_ip("2001:db8:1:2ff::1");
  paths.add(any);
  const auto told = paths.take();
  BOOST_REQUIRE(told.size() == 2U);
  BOOST_TEST((told[0].client == *parse_prefix("2001:db8:1:200::/56")));
  BOOST_TEST((told[1].client == *parse_prefix("198.51.100.0/24")));
}

BOOST_AUTO_TEST_CASE(networks_are_bounded_and_figures_are_fit_to_be_sent) {
  PathOptions options = kOptions;
  options.networks = 10;
  TcpPaths paths(options);
  for (int i = 0; i < 20; ++i)
    paths.add(connection("198.51." + std::to_string(i) + ".1", seconds(100), seconds(90)));
  BOOST_TEST(paths.left_out() == 10U);
  wire::Evidence evidence;
  evidence.paths = paths.take();
  BOOST_TEST(evidence.paths.size() == 10U);
  BOOST_TEST((evidence.paths[0].smoothed == wire::kMostRoundTrip));
  BOOST_TEST(!wire::encode(evidence).empty());
}

BOOST_AUTO_TEST_CASE(any_bytes_from_the_kernel_give_a_verdict) {
  SeededRandom random(6);
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::uint8_t> bytes(random.next() % 400);
    for (auto& octet : bytes) octet = static_cast<std::uint8_t>(random.next() % 4);
    if (!bytes.empty()) bytes[0] = 2;
    (void)parse_tcp_diag(bytes);
  }
  BOOST_TEST(!parse_tcp_diag(Bytes()));
}

BOOST_AUTO_TEST_CASE(the_kernel_tells_of_a_real_connection) {
  net::Loop loop;
  const net::Fd listener = net::tcp_listener({*parse_ip("127.0.0.1"), 0}, false);
  const Endpoint server = net::local_endpoint(listener);
  const net::Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const net::SockAddr bound(Endpoint{*parse_ip("127.0.9.9"), 0});
  BOOST_REQUIRE(::bind(client.get(), &bound.any, bound.length) == 0);
  const net::SockAddr to(server);
  BOOST_REQUIRE(::connect(client.get(), &to.any, to.length) == 0);
  const net::Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  BOOST_REQUIRE(static_cast<bool>(accepted));
  BOOST_REQUIRE(::send(accepted.get(), "answer", 6, 0) == 6);
  std::vector<TcpReader::Look> looks;
  TcpReader reader(loop, {.servers = {server}}, [&](const TcpReader::Look& look) {
    looks.push_back(look);
    loop.stop();
  });
  const net::Watch limit = loop.after(seconds(10), [&] { loop.stop(); });
  reader.look();
  loop.run();
  BOOST_REQUIRE(looks.size() == 1U);
  BOOST_TEST(looks[0].open == 1U);
  BOOST_REQUIRE(looks[0].paths.size() == 1U);
  BOOST_TEST((looks[0].paths[0].client == *parse_prefix("127.0.9.0/24")));
  BOOST_TEST(looks[0].paths[0].smoothed.count() > 0);
  BOOST_TEST((looks[0].paths[0].smoothed < seconds(1)));
  BOOST_TEST(looks[0].paths[0].connections == 1U);
  BOOST_TEST(reader.counters().looks == 1U);
  BOOST_TEST(reader.counters().failed == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
