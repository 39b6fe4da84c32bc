#include "common/net/tcp.hh"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "common/net/udp.hh"
#include "tests/unit/net/dial.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using net::testing::dial;

namespace {

/// Lines: each comes back with a '>' before it; "quit" closes; "big" gives 64 KiB.
class Lines final : public net::TcpProtocol {
 public:
  static inline std::size_t answered = 0;

  Lines() { answered = 0; }
  Step take(Bytes bytes) override {
    Step step;
    for (const std::uint8_t octet : bytes) {
      ++step.taken;
      if (octet != '\n') {
        line_ += static_cast<char>(octet);
        continue;
      }
      reply_ = ">" + line_ + "\n";
      if (line_ == "big") reply_ = std::string(65536, 'x');
      step.reply = as_bytes(reply_);
      ++answered;
      step.message = true;
      step.close = line_ == "quit";
      line_.clear();
      break;
    }
    return step;
  }

 private:
  std::string line_;
  std::string reply_;
};

struct Server {
  net::Loop loop;
  Endpoint at;
  std::unique_ptr<net::TcpServer> server;

  explicit Server(net::TcpOptions options = {}, const char* address = "127.0.0.1") {
    net::Fd fd = net::tcp_listener({*parse_ip(address), 0}, false);
    at = net::local_endpoint(fd);
    server = std::make_unique<net::TcpServer>(loop, std::move(fd), options,
                                              [](const Endpoint&) { return std::make_unique<Lines>(); });
  }
  void run(Nanos time) {
    const net::Watch end = loop.after(time, [this] { loop.stop(); });
    loop.run();
  }
};

void put(const net::Fd& fd, const std::string& text) {
  BOOST_REQUIRE(write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}
/// All that is there; "<end>" behind it when the peer closed.
std::string get(const net::Fd& fd) {
  std::string out;
  std::vector<char> room(100'000);
  while (true) {
    const ssize_t n = recv(fd.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (n > 0) out.append(room.data(), static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno == ECONNRESET)) return out + "<end>";
    if (n < 0) return out;
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tcp)

BOOST_AUTO_TEST_CASE(pipelined_requests_are_answered_in_order_at_any_split) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    Server s({}, address);
    const net::Fd client = dial(s.at);
    put(client, "one\ntwo\nthr");
    s.run(20ms);
    BOOST_TEST(get(client) == ">one\n>two\n");
    put(client, "ee\n");
    s.run(20ms);
    BOOST_TEST(get(client) == ">three\n");
  }
}

BOOST_AUTO_TEST_CASE(a_half_closed_client_gets_its_answers_and_then_the_end) {
  Server s;
  const net::Fd client = dial(s.at);
  put(client, "one\ntwo\n");
  shutdown(client.get(), SHUT_WR);
  s.run(30ms);
  BOOST_TEST(get(client) == ">one\n>two\n<end>");
  BOOST_TEST(s.server->counters().closed.get() == 1U);
}

BOOST_AUTO_TEST_CASE(the_protocol_may_close_after_its_reply) {
  Server s;
  const net::Fd client = dial(s.at);
  put(client, "quit\nmore\n");
  s.run(30ms);
  BOOST_TEST(get(client) == ">quit\n<end>");
}

BOOST_AUTO_TEST_CASE(a_trickle_of_bytes_does_not_stretch_the_idle_time) {
  Server s({.idle = 60ms});
  const net::Fd trickling = dial(s.at);
  const net::Fd busy = dial(s.at);
  for (int i = 0; i < 6; ++i) {
    (void)send(trickling.get(), "x", 1, MSG_NOSIGNAL);
    put(busy, "x\n");
    s.run(20ms);
  }
  BOOST_TEST(get(trickling) == "<end>");
  BOOST_TEST(get(busy).ends_with(">x\n"));
  BOOST_TEST(s.server->counters().idle_closed.get() == 1U);
}

BOOST_AUTO_TEST_CASE(beyond_the_cap_the_longest_idle_connection_makes_room) {
  Server s({.connections = 2});
  const net::Fd first = dial(s.at);
  s.run(10ms);
  const net::Fd second = dial(s.at);
  s.run(10ms);
  put(first, "still here\n");
  s.run(10ms);
  const net::Fd third = dial(s.at);
  put(third, "hello\n");
  s.run(30ms);
  BOOST_TEST(get(first) == ">still here\n");
  BOOST_TEST(get(second) == "<end>");
  BOOST_TEST(get(third) == ">hello\n");
  BOOST_TEST(s.server->counters().evicted.get() == 1U);
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_read_is_not_answered_without_bound) {
  constexpr std::size_t kRequests = 400;  // 25 MiB of answers
  Server s;
  const net::Fd client = dial(s.at);
  std::string requests;
  for (std::size_t i = 0; i < kRequests; ++i) requests += "big\n";
  put(client, requests);
  s.run(100ms);
  BOOST_TEST(Lines::answered < kRequests / 2);  // the kernel's buffers and 128 KiB, no more
  // It still gets all of them by reading: the server goes on where it stopped.
  std::size_t total = 0;
  for (int i = 0; i < 1000 && total < kRequests * 64 * 1024; ++i) {
    total += get(client).size();
    s.run(1ms);
  }
  BOOST_TEST(total == kRequests * 64 * 1024);
}

BOOST_AUTO_TEST_CASE(a_busy_port_says_which_and_what_to_do) {
  const net::Fd taken = net::tcp_listener({*parse_ip("127.0.0.1"), 0}, false);
  const Endpoint at = net::local_endpoint(taken);
  BOOST_CHECK_EXCEPTION((void)net::tcp_listener(at, false), std::system_error,
                        [&](const std::system_error& e) {
                          return std::string(e.what()).find(to_string(at)) != std::string::npos &&
                                 std::string(e.what()).find("another program") != std::string::npos;
                        });
}

BOOST_AUTO_TEST_SUITE_END()
