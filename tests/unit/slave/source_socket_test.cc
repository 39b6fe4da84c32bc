#include "slave/source_socket.hh"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <thread>

#include "common/net/udp.hh"
#include "slave/raw_header.hh"
#include "slave/transmitter.hh"

using namespace flagfall;         // NOLINT(*-using-namespace)
using namespace flagfall::slave;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

struct NeedsNetRaw {
  boost::test_tools::assertion_result operator()(boost::unit_test::test_unit_id /*unit*/) const {
    const net::Fd fd(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    boost::test_tools::assertion_result result(static_cast<bool>(fd));
    result.message() << "needs CAP_NET_RAW";
    return result;
  }
};

bool have_ipv6() {
  try {
    (void)net::udp_socket({*parse_ip("::1"), 0}, {});
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

struct Client {
  explicit Client(const char* ip)
      : fd(net::udp_socket({*parse_ip(ip), 0}, {})), local(net::local_endpoint(fd)) {}
  net::Fd fd;
  Endpoint local;
  net::UdpReceiver receiver;
  /// The next datagram's text and source, waited for.
  std::pair<std::string, Endpoint> receive() {
    for (int i = 0; i < 2000; ++i) {
      const auto batch = receiver.receive(fd);
      if (!batch.empty()) return {std::string(as_text(batch[0].data)), batch[0].from};
      std::this_thread::sleep_for(1ms);
    }
    return {};
  }
};

/// Sends `text` from `source` through a transmitter, as the slave would.
Shot send_one(SourceSocket source, const Endpoint& to, const std::string& text) {
  const SystemClock clock;
  ShotPool pool(4);
  std::vector<SourceSocket> sources;
  sources.push_back(std::move(source));
  Transmitter transmitter({300us}, std::move(sources), pool, clock);
  const auto index = pool.take();
  Shot& shot = pool[*index];
  shot.due = clock.mono() + 5ms;
  shot.client = to;
  shot.length = static_cast<std::uint16_t>(text.size());
  std::copy(text.begin(), text.end(), pool.answer(*index).begin());
  transmitter.push(*index);
  for (int i = 0; i < 2000; ++i) {
    if (transmitter.pop_done()) return shot;
    std::this_thread::sleep_for(1ms);
  }
  BOOST_FAIL("the shot never came back");
  return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(source_socket)

BOOST_AUTO_TEST_CASE(own_addresses_are_told_from_foreign_ones) {
  BOOST_TEST(is_local_address(*parse_ip("127.0.0.1")));
  BOOST_TEST(is_local_address(*parse_ip("127.77.77.77")));  // any of 127/8, without being listed anywhere
  BOOST_TEST(!is_local_address(*parse_ip("192.0.2.1")));
  BOOST_TEST(!is_local_address(*parse_ip("2001:db8::1")));
  if (have_ipv6()) BOOST_TEST(is_local_address(*parse_ip("::1")));
}

BOOST_AUTO_TEST_CASE(a_foreign_address_gets_a_udp_socket_of_its_own,
                     *boost::unit_test::precondition(NeedsNetRaw())) {
  const SourceSocket s = open_source(*parse_endpoint("192.0.2.77:53"));
  BOOST_TEST((s.kind == SourceSocket::Kind::udp));
  BOOST_TEST(s.stamps);
  const SourceSocket six = open_source(*parse_endpoint("[2001:db8::77]:53"));
  BOOST_TEST((six.kind == SourceSocket::Kind::udp));
}

BOOST_AUTO_TEST_CASE(beside_a_server_on_the_wildcard_a_foreign_address_still_gets_a_socket,
                     *boost::unit_test::precondition(NeedsNetRaw())) {
  const net::Fd server = net::udp_socket({*parse_ip("0.0.0.0"), 0}, {});
  const std::uint16_t port = net::local_endpoint(server).port;
  const SourceSocket s = open_source({*parse_ip("192.0.2.77"), port});
  BOOST_TEST((s.kind == SourceSocket::Kind::raw));
}

BOOST_AUTO_TEST_CASE(at_a_local_address_the_server_there_keeps_every_query,
                     *boost::unit_test::precondition(NeedsNetRaw())) {
  // The master's socket, as it binds it: several loops may share the address.
  for (const bool reuse : {false, true}) {
    Client server("127.0.0.1");
    if (reuse) server.fd = net::udp_socket({server.local.ip, 0}, {.reuse_port = true});
    server.local = net::local_endpoint(server.fd);
    SourceSocket source = open_source(server.local);
    BOOST_TEST((source.kind == SourceSocket::Kind::raw));
    const Client client("127.0.0.1");
    for (int i = 0; i < 50; ++i) {
      net::UdpSender query;
      query.room()[0] = 'q';
      query.commit(1, server.local);
      BOOST_REQUIRE_EQUAL(query.flush(client.fd).sent, 1U);
      BOOST_TEST(server.receive().first == "q");
    }
    std::uint8_t octet = 0;
    BOOST_TEST(recv(source.fd.get(), &octet, 1, MSG_DONTWAIT) < 0);
  }
}

BOOST_AUTO_TEST_CASE(the_slave_may_start_before_the_server_at_its_address,
                     *boost::unit_test::precondition(NeedsNetRaw())) {
  Client probe("127.0.0.1");
  const Endpoint address = probe.local;
  probe.fd = net::Fd();
  const SourceSocket source = open_source(address);
  Client server("127.0.0.1");
  server.fd = net::udp_socket(address, {});  // would throw if the slave held the port
  const Client client("127.0.0.1");
  net::UdpSender query;
  query.room()[0] = 'q';
  query.commit(1, address);
  query.flush(client.fd);
  BOOST_TEST(server.receive().first == "q");
}

BOOST_AUTO_TEST_CASE(raw_answers_arrive_whole_from_the_services_address_and_port,
                     *boost::unit_test::precondition(NeedsNetRaw())) {
  for (const char* ip : {"127.0.0.1", "::1"}) {
    if (std::string(ip) == "::1" && !have_ipv6()) continue;
    Client client(ip);
    for (const std::size_t length : {std::size_t{1}, std::size_t{100}, std::size_t{101}, kMaxAnswer}) {
      const std::string text(length, 'a');
      const Endpoint source{*parse_ip(ip), 4321};
      const Shot shot = send_one(open_raw_source(source), client.local, text);
      BOOST_TEST((shot.fate == wire::RaceOutcome::Fate::sent));
      const auto [got, from] = client.receive();
      BOOST_TEST(got == text);
      BOOST_TEST((from == source));
    }
  }
}

BOOST_AUTO_TEST_CASE(whole_packets_go_out_as_they_are, *boost::unit_test::precondition(NeedsNetRaw())) {
  for (const char* ip : {"127.0.0.1", "::1"}) {
    if (ip[0] == ':' && !have_ipv6()) continue;
    Client client(ip);
    const Endpoint source{*parse_ip(ip), 4321};
    std::array<std::uint8_t, kRawHeaderRoom> headers{};
    const std::string text = "in its own headers";
    const std::size_t length = write_raw_header(source, client.local, as_bytes(text), headers);
    SourceSocket packets = open_packet_source(client.local.ip.family);
    BOOST_TEST((packets.kind == SourceSocket::Kind::packets));
    const Shot shot =
        send_one(std::move(packets), client.local, std::string(as_text(Bytes(headers).first(length))) + text);
    BOOST_TEST((shot.fate == wire::RaceOutcome::Fate::sent));
    const auto [got, from] = client.receive();
    BOOST_TEST(got == text);
    BOOST_TEST((from == source));
  }
}

BOOST_AUTO_TEST_CASE(raw_answers_carry_kernel_transmit_stamps,
                     *boost::unit_test::precondition(NeedsNetRaw())) {
  Client client("127.0.0.1");
  SourceSocket source = open_raw_source({*parse_ip("127.0.0.1"), 4321});
  BOOST_TEST(source.stamps);
  const Shot shot = send_one(std::move(source), client.local, "x");
  BOOST_TEST((shot.transmitted >= shot.due - kMostLead));
}

BOOST_AUTO_TEST_SUITE_END()
