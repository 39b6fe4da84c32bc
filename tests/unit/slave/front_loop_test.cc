// The front end's shell over real sockets of this host, with a master and a content server played by the
// test.
#include "slave/front_loop.hh"

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <string>
#include <thread>

#include "common/net/fd.hh"
#include "common/net/tcp.hh"
#include "common/net/udp.hh"
#include "tests/unit/net/dial.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using net::testing::dial;
using slave::FrontLoop;
using std::chrono::milliseconds;
using Home = wire::HomeAnswer::Home;

namespace {

const Endpoint kAnyPort{*parse_ip("127.0.0.1"), 0};
const std::string kGet = "GET /a HTTP/1.1\r\nHost: www.example.test\r\n\r\n";

/// Within ten seconds. No checks in here: threads of a test call it.
bool readable(const net::Fd& fd) {
  pollfd one{fd.get(), POLLIN, 0};
  return poll(&one, 1, 10000) == 1;
}

void put(const net::Fd& fd, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t sent = send(fd.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    octets.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// What comes until `most` octets are there, or the end; "reset" or "silence" when that is it.
std::string take(const net::Fd& fd, std::size_t most = SIZE_MAX, Nanos pause = Nanos(0)) {
  std::string out;
  std::string part(8192, '\0');
  while (out.size() < most) {
    if (!readable(fd)) return "silence";
    const ssize_t got = recv(fd.get(), part.data(), std::min(part.size(), most - out.size()), 0);
    if (got < 0) return "reset";
    if (got == 0) break;
    out.append(part, 0, static_cast<std::size_t>(got));
    if (pause > Nanos(0)) std::this_thread::sleep_for(pause);
  }
  return out;
}

struct Rig {
  SeededRandom random{7};
  SystemClock clock;
  net::Fd content = net::tcp_listener(kAnyPort, false);
  FrontLoop::Options options;
  std::unique_ptr<FrontLoop> front;
  Home word = Home::here;  // the master's, about everybody
  bool silent = false;

  Rig() {
    options.servers = {{kAnyPort, net::local_endpoint(content), false}};
    options.limits.body = SIZE_MAX;
    options.desk.wait = milliseconds(100);
  }
  void start() {
    front = std::make_unique<FrontLoop>(
        options, clock, random, [this](const slave::FrontDesk::Question& question) {
          if (silent) return;
          const std::string to = word == Home::elsewhere ? "http://nyc.example.test{path}" : "";
          front->answered(question.master, {question.question.number, word, 32, milliseconds(100), to});
        });
    wire::Services services;
    services.services.emplace_back().sites = {{"www.example.test", "", 0, ""}};
    front->use(std::make_shared<const slave::FrontSites>(std::vector<wire::Services>{services}));
    front->session(0, true);
    front->start();
  }
  [[nodiscard]] net::Fd client(int receive_buffer = 0) const {
    return dial(front->local().at(0), receive_buffer);
  }
  /// The content server's side of the next connection.
  [[nodiscard]] net::Fd accepted() const {
    BOOST_REQUIRE(readable(content));
    return net::Fd(net::check(accept4(content.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
  }
  [[nodiscard]] std::uint64_t count(std::string_view name) const {
    std::uint64_t found = 0;
    front->for_each_counter([&](std::string_view each, std::uint64_t value) {
      if (each == name) found = value;
    });
    return found;
  }
  void until(std::string_view name, std::uint64_t value) const {
    for (int i = 0; i < 10000 && count(name) < value; ++i) std::this_thread::sleep_for(milliseconds(1));
    BOOST_TEST(count(name) == value, name << " is " << count(name));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(front_loop)

BOOST_AUTO_TEST_CASE(
    the_first_request_comes_through_as_it_was_in_whatever_pieces_and_so_does_all_that_follows) {
  Rig rig;
  rig.start();
  const std::string sent =
      "\r\nPOST /a HTTP/1.1\r\nHost:   www.example.test\r\nx: y\r\nContent-Length: 5\r\n\r\n12345" + kGet;
  const net::Fd client = rig.client();
  for (const char c : sent) put(client, std::string(1, c));
  const net::Fd server = rig.accepted();
  BOOST_TEST(take(server, sent.size() - 2) == sent.substr(2));  // an empty line before a request is none
  put(server, "HTTP/1.1 204 No Content\r\n\r\nanything");
  BOOST_TEST(take(client, 35) == "HTTP/1.1 204 No Content\r\n\r\nanything");
  BOOST_TEST(rig.count("front_here") == 1U);
}

BOOST_AUTO_TEST_CASE(slow_readers_get_every_octet_in_both_directions_at_once) {
  Rig rig;
  rig.start();
  std::string much(std::size_t{8} << 20, '\0');
  for (char& c : much) c = static_cast<char>(rig.random.next());
  const net::Fd client = rig.client(4096);
  put(client, kGet);
  const net::Fd server = rig.accepted();
  BOOST_TEST(take(server, kGet.size()) == kGet);
  std::thread up([&] {
    put(client, much);
    shutdown(client.get(), SHUT_WR);
  });
  std::thread down([&] {
    put(server, much);
    shutdown(server.get(), SHUT_WR);
  });
  std::string at_server;
  std::thread reader([&] { at_server = take(server, SIZE_MAX, std::chrono::microseconds(20)); });
  const std::string at_client = take(client, SIZE_MAX, std::chrono::microseconds(20));
  for (std::thread* const thread : {&up, &down, &reader}) thread->join();
  BOOST_TEST((at_client == much));
  BOOST_TEST((at_server == much));
  rig.until("front_closed", 1);
  BOOST_TEST(rig.count("front_octets_to_client") == much.size());
  BOOST_TEST(rig.count("front_octets_to_backend") == much.size());
}

BOOST_AUTO_TEST_CASE(who_belongs_elsewhere_is_sent_on_and_the_connection_ends) {
  Rig rig;
  rig.word = Home::elsewhere;
  rig.start();
  const net::Fd client = rig.client();
  put(client, kGet + kGet);
  const std::string said = take(client);
  BOOST_TEST(said.starts_with("HTTP/1.1 307 "));
  BOOST_TEST(said.find("\r\nLocation: http://nyc.example.test/a\r\n") != std::string::npos);
  BOOST_TEST(said.find("HTTP/1.1", 1) == std::string::npos);
  BOOST_TEST(rig.count("front_joined") == 0U);
}

BOOST_AUTO_TEST_CASE(a_master_that_says_nothing_costs_its_clients_no_more_than_the_wait) {
  Rig rig;
  rig.silent = true;
  rig.start();
  const MonoTime began = rig.clock.mono();
  const net::Fd first = rig.client(), second = rig.client();
  put(first, kGet);
  put(second, kGet);
  const net::Fd server = rig.accepted();
  BOOST_TEST(take(server, kGet.size()) == kGet);
  BOOST_TEST(((rig.clock.mono() - began) >= milliseconds(90)));
  (void)rig.accepted();
  BOOST_TEST(rig.count("front_unanswered") == 2U);
  BOOST_TEST(rig.count("front_questions") == 1U);
}

BOOST_AUTO_TEST_CASE(who_has_asked_for_nothing_makes_room_and_who_is_served_does_not) {
  Rig rig;
  rig.options.connections = 2;
  rig.start();
  const net::Fd served = rig.client();
  put(served, kGet);
  const net::Fd server = rig.accepted();
  rig.until("front_joined", 1);
  const net::Fd idle = rig.client();
  rig.until("front_accepted", 2);
  const net::Fd next = rig.client();
  BOOST_TEST(take(idle).empty());
  put(next, kGet);
  const net::Fd server_too = rig.accepted();
  rig.until("front_joined", 2);
  const net::Fd last = rig.client();
  BOOST_TEST(take(last).empty());
  BOOST_TEST(rig.count("front_evicted") == 1U);
  BOOST_TEST(rig.count("front_full") == 1U);
  put(server, "still here");
  BOOST_TEST(take(served, 10) == "still here");
}

BOOST_AUTO_TEST_CASE(a_silent_connection_is_ended_so_that_it_does_not_look_complete) {
  Rig rig;
  rig.options.idle_timeout = milliseconds(300);
  rig.start();
  const net::Fd joined = rig.client(), idle = rig.client();
  put(joined, kGet);
  const net::Fd server = rig.accepted();
  BOOST_TEST(take(server, kGet.size()) == kGet);
  BOOST_TEST(take(joined) == "reset");
  BOOST_TEST(take(server) == "reset");
  BOOST_TEST(take(idle).empty());
  rig.until("front_idle_timeouts", 2);
}

BOOST_AUTO_TEST_CASE(what_one_side_breaks_off_is_broken_off_for_the_other) {
  Rig rig;
  rig.start();
  for (const bool by_client : {true, false}) {
    net::Fd client = rig.client();
    put(client, kGet);
    net::Fd server = rig.accepted();
    BOOST_TEST(take(server, kGet.size()) == kGet);
    const linger at_once{1, 0};
    net::Fd& who = by_client ? client : server;
    (void)setsockopt(who.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    who = net::Fd();
    BOOST_TEST(take(by_client ? server : client) == "reset");
  }
  rig.until("front_closed", 2);
  BOOST_TEST(rig.count("front_resets") == 1U);
  BOOST_TEST(rig.count("front_backend_resets") == 1U);
}

BOOST_AUTO_TEST_CASE(an_answer_that_comes_before_its_request_is_whole_arrives) {
  Rig rig;
  rig.start();
  const std::string refusal =
      "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n" + std::string(100000, 'x');
  for (const bool orderly : {true, false}) {
    const net::Fd client = rig.client();
    put(client, "POST /a HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 100000000\r\n\r\n");
    net::Fd server = rig.accepted();
    (void)take(server, 10);
    put(server, refusal);
    if (orderly) {
      shutdown(server.get(), SHUT_WR);
      BOOST_REQUIRE(readable(client));
    }
    server = net::Fd();  // with octets that nobody has read: its host resets the connection
    std::atomic<bool> stop = false;
    std::thread sending([&] {
      const std::string part(10000, 'y');
      for (int i = 0; i < 100 && !stop; ++i) {
        put(client, part);
        std::this_thread::sleep_for(milliseconds(1));
      }
    });
    const std::string got = take(client, refusal.size());
    BOOST_TEST((got == refusal), "got " << got.size());
    stop = true;
    sending.join();
    const std::string end = take(client);
    BOOST_TEST((orderly ? end.empty() || end == "reset" : end == "reset"), end);
  }
  rig.until("front_closed", 2);
}

BOOST_AUTO_TEST_CASE(a_client_that_takes_slowly_what_is_on_its_way_is_not_idle) {
  Rig rig;
  rig.options.idle_timeout = milliseconds(200);
  rig.start();
  const net::Fd client = rig.client(2048);
  put(client, kGet);
  net::Fd server = rig.accepted();
  (void)take(server, kGet.size());
  const std::string much(100000, 'z');
  put(server, much);
  server = net::Fd();
  std::string got;
  while (got.size() < much.size()) {
    const std::string part = take(client, std::min<std::size_t>(2000, much.size() - got.size()));
    BOOST_REQUIRE(part.front() == 'z');
    got += part;
    std::this_thread::sleep_for(milliseconds(20));
  }
  BOOST_TEST(take(client).empty());
}

BOOST_AUTO_TEST_CASE(nobody_behind_it_is_a_502_also_for_who_waits_for_nothing_else) {
  Rig rig;
  rig.content = net::Fd();
  rig.start();
  const net::Fd client = rig.client();
  put(client, kGet);
  BOOST_TEST(take(client).starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
  const net::Fd head = rig.client();
  put(head, "HEAD / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  BOOST_TEST(take(head).ends_with("\r\n\r\n"));
  BOOST_TEST(rig.count("front_backend_failed") == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
