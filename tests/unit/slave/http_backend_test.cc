// Real connections on loopback, to a server that says what the test says.
#include "slave/http_backend.hh"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>

#include "common/net/sockaddr.hh"
#include "common/net/tcp.hh"
#include "common/net/udp.hh"

using namespace flagfall;         // NOLINT(*-using-namespace)
using namespace flagfall::slave;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

const std::string kRequest = "GET /a HTTP/1.1\r\nHost: www.example.test\r\n\r\n";
const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

struct Rig {
  /// What the server says to a request; `end`: then it closes. Called with the number of requests so far.
  struct Said {
    std::string octets;
    bool end = false;
  };
  struct Protocol final : net::TcpProtocol {
    explicit Protocol(Rig& the_rig) : rig(the_rig) {}
    Step take(Bytes bytes) override {
      got += as_text(bytes);
      if (got.size() < kRequest.size()) return {bytes.size(), {}, false, false};
      BOOST_TEST(got == kRequest);
      got.clear();
      said = rig.answer(++rig.requests);
      return {.taken = bytes.size(), .reply = as_bytes(said.octets), .message = true, .close = said.end};
    }
    Rig& rig;
    std::string got;
    Said said;
  };

  SystemClock clock;
  net::Loop loop;
  ShotPool pool{64};
  ContentDesk desk{pool};
  std::function<Said(unsigned)> answer = [](unsigned) { return Said{kAnswer}; };
  unsigned requests = 0;
  net::Fd listener = net::tcp_listener({*parse_ip("127.0.0.1"), 0}, false);
  Endpoint local = net::local_endpoint(listener);
  std::optional<net::TcpServer> server;
  std::optional<HttpBackend> backend;

  explicit Rig(unsigned connections = 2, Nanos timeout = 300ms) {
    server.emplace(loop, std::move(listener), net::TcpOptions{},
                   [this](const Endpoint&) { return std::make_unique<Protocol>(*this); });
    backend.emplace(loop, clock, HttpBackend::Options{local, timeout, connections}, desk);
  }
  ContentWish wish() {
    ContentWish out{
        .source = {*parse_ip("192.0.2.1"), 80}, .client = {*parse_ip("192.0.2.9"), 9}, .length = 400};
    out.shot = pool.take().value();
    out.turn = pool.turn(out.shot);
    pool.open(out.shot);
    return out;
  }
  void ask() { backend->ask(wish(), as_bytes(kRequest)); }
  /// Until this counter is there.
  void run(const Counter& counter, std::uint64_t count, Nanos most = 5s) {
    const MonoTime limit = clock.mono() + most;
    const auto watch = loop.every(1ms, [&] {
      if (counter.get() >= count || clock.mono() > limit) loop.stop();
    });
    loop.run();
    BOOST_TEST(counter.get() == count);
  }
  void run(Nanos time) {
    const auto watch = loop.after(time, [&] { loop.stop(); });
    loop.run();
  }
  ContentCounters& counters() { return desk.counters(); }
  [[nodiscard]] std::uint64_t accepted() const { return server->counters().accepted.get(); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(http_backend)

BOOST_AUTO_TEST_CASE(answers_come_over_connections_that_are_kept) {
  Rig rig;
  for (unsigned i = 1; i <= 5; ++i) {
    rig.ask();
    rig.run(rig.counters().ready, i);
  }
  BOOST_TEST(rig.accepted() == 1U);
  BOOST_TEST(rig.requests == 5U);
}

BOOST_AUTO_TEST_CASE(more_at_once_than_connections_are_not_asked_for) {
  Rig rig;
  for (int i = 0; i < 5; ++i) rig.ask();
  BOOST_TEST(rig.counters().busy.get() == 3U);
  rig.run(rig.counters().ready, 2);
  BOOST_TEST(rig.accepted() == 2U);
}

BOOST_AUTO_TEST_CASE(a_connection_that_ended_meanwhile_costs_a_second_try_and_no_answer) {
  Rig rig;
  rig.answer = [](unsigned n) { return Rig::Said{n % 2 == 0 ? "" : kAnswer, n % 2 == 0}; };
  rig.ask();
  rig.run(rig.counters().ready, 1);
  rig.ask();  // the server closes instead of answering
  rig.run(rig.counters().ready, 2);
  BOOST_TEST(rig.counters().retried.get() == 1U);
  BOOST_TEST(rig.requests == 3U);
  BOOST_TEST(rig.accepted() == 2U);
  // A new connection that ends so is no reason to try again.
  rig.answer = [](unsigned) { return Rig::Said{"", true}; };
  rig.ask();
  rig.run(rig.counters().failed, 1);
  BOOST_TEST(rig.counters().retried.get() == 2U);
  BOOST_TEST(rig.requests == 5U);
}

BOOST_AUTO_TEST_CASE(an_idle_connection_that_the_server_ends_is_closed) {
  Rig rig;
  rig.answer = [](unsigned) { return Rig::Said{kAnswer, true}; };
  for (unsigned i = 1; i <= 3; ++i) {
    rig.ask();
    rig.run(rig.counters().ready, i);
    rig.run(30ms);
  }
  BOOST_TEST(rig.accepted() == 3U);
  BOOST_TEST(rig.counters().retried.get() == 0U);
}

BOOST_AUTO_TEST_CASE(octets_that_came_unasked_are_no_answer_to_the_next_request) {
  Rig rig(1);
  const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const net::Fd other(listening);
  const net::SockAddr any({*parse_ip("127.0.0.1"), 0});
  BOOST_REQUIRE(bind(listening, &any.any, any.length) == 0 && listen(listening, 5) == 0);
  HttpBackend backend(rig.loop, rig.clock, HttpBackend::Options{net::local_endpoint(other), 300ms, 1},
                      rig.desk);
  const auto serve = [&](const std::string& octets) {
    net::Fd fd(accept(listening, nullptr, nullptr));
    std::array<char, 1000> room{};
    BOOST_TEST(recv(fd.get(), room.data(), room.size(), 0) > 0);
    (void)send(fd.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    return fd;
  };
  backend.ask(rig.wish(), as_bytes(kRequest));
  rig.run(10ms);
  const net::Fd first = serve(kAnswer);
  rig.run(rig.counters().ready, 1);
  // Before the loop could see them, the next request is there.
  (void)send(first.get(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
  backend.ask(rig.wish(), as_bytes(kRequest));
  rig.run(10ms);
  BOOST_TEST(rig.counters().ready.get() == 1U);
  const net::Fd second = serve(kAnswer);
  rig.run(rig.counters().ready, 2);
}

BOOST_AUTO_TEST_CASE(a_server_that_says_nothing_is_given_up_and_its_connections_are_free_again) {
  Rig rig(2, 100ms);
  rig.answer = [](unsigned) { return Rig::Said{}; };
  rig.ask();
  rig.ask();
  rig.run(rig.counters().too_late, 2);
  rig.answer = [](unsigned) { return Rig::Said{kAnswer}; };
  rig.ask();
  rig.run(rig.counters().ready, 1);
}

BOOST_AUTO_TEST_CASE(hostile_servers_change_counters_and_nothing_else) {
  Rig rig(1);
  unsigned failed = 0;
  for (const std::string& octets :
       {std::string("garbage\r\n\r\n"), std::string(100, '\0') + "\n", std::string("\n"),
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello" + kAnswer, kAnswer + kAnswer,
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")}) {
    rig.answer = [&](unsigned) { return Rig::Said{octets, octets == "\n"}; };
    rig.ask();
    rig.run(rig.counters().failed, ++failed);
  }
  unsigned too_long = 0;
  for (const std::string& octets :
       {"HTTP/1.1 200 OK\r\nA: " + std::string(100000, 'x'),
        "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100000, 'x')}) {
    rig.answer = [&](unsigned) { return Rig::Said{octets}; };
    rig.ask();
    rig.run(rig.counters().too_long, ++too_long);
  }
  rig.answer = [](unsigned) { return Rig::Said{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"}; };
  rig.ask();
  rig.run(rig.counters().too_late, 1);
  rig.answer = [](unsigned) { return Rig::Said{kAnswer}; };
  rig.ask();
  rig.run(rig.counters().ready, 1);
}

BOOST_AUTO_TEST_CASE(where_nobody_listens_every_ask_fails_at_once) {
  Rig rig;
  rig.server.reset();
  for (unsigned i = 1; i <= 10; ++i) {
    rig.ask();
    rig.run(rig.counters().failed, i);
  }
}

BOOST_AUTO_TEST_SUITE_END()
