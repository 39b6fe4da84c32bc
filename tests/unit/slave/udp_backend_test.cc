// A backend's sockets, with a real server at the other end.
#include "slave/udp_backend.hh"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <map>
#include <optional>

#include "common/net/udp.hh"

using namespace flagfall;         // NOLINT(*-using-namespace): a test
using namespace flagfall::slave;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

/// Answers go by what the request begins with: "echo", "twice", "late" (after 150 ms, to who asked), "long";
/// others have none.
struct Server {
  explicit Server(net::Loop& l, const Endpoint& at = Endpoint{*parse_ip("127.0.0.1"), 0})
      : loop(l), fd(net::udp_socket(at, {})), watch(loop.on_readable(fd.get(), [this] { serve(); })) {}
  void serve() {
    for (const net::Datagram& d : receiver.receive(fd)) {
      const std::string request(as_text(d.data));
      ++requests;
      last = request;
      if (request.starts_with("echo")) say(request, d.from);
      if (request.starts_with("twice")) {
        say(request, d.from);
        say(request + " again", d.from);
      }
      if (request.starts_with("late"))
        later.push_back(loop.after(150ms, [this, request, to = d.from] { say(request, to); }));
      if (request.starts_with("long")) say(std::string(2000, 'x'), d.from);
    }
  }
  void say(const std::string& text, const Endpoint& to) const {
    net::UdpSender sender;
    std::ranges::copy(text, sender.room().begin());
    sender.commit(text.size(), to);
    (void)sender.flush(fd);
  }
  net::Loop& loop;
  net::Fd fd;
  net::UdpReceiver receiver;
  net::Watch watch;
  std::vector<net::Watch> later;
  unsigned requests = 0;
  std::string last;
};

struct Rig {
  SystemClock clock;
  net::Loop loop;
  std::optional<Server> server{std::in_place, loop};
  Endpoint at = net::local_endpoint(server->fd);
  std::map<std::uint32_t, std::string> answers;
  std::map<std::uint32_t, std::size_t> lengths;
  std::vector<std::uint32_t> unanswered;
  std::vector<bool> changes;
  slave::PortRest ports;
  std::optional<UdpBackend> backend;

  void open(const BackendConfig& given) {
    BackendConfig config = given;
    config.service = "stun";
    config.udp = at;
    UdpBackend::Callbacks callbacks;
    callbacks.answered = [this](std::uint32_t whose, Bytes answer, std::size_t length) {
      BOOST_TEST(answers.emplace(whose, as_text(answer)).second);
      lengths[whose] = length;
    };
    callbacks.unanswered = [this](std::uint32_t whose) { unanswered.push_back(whose); };
    callbacks.changed = [this](bool up) { changes.push_back(up); };
    backend.emplace(config, loop, clock, ports, std::move(callbacks));
  }
  void ask(std::uint32_t whose, std::string_view request) { backend->ask(whose, as_bytes(request)); }
  void run(Nanos time) {
    const auto end = loop.after(time, [this] { loop.stop(); });
    loop.run();
  }
  void until(const std::function<bool()>& done) {
    for (int i = 0; i < 300 && !done(); ++i) run(10ms);
    BOOST_TEST(done());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(udp_backend, Rig)

BOOST_AUTO_TEST_CASE(every_request_gets_its_own_answer) {
  open({.service = {}, .udp = {}, .http = {}, .sockets = 64, .rest = 1ms, .probe = {}});
  for (std::uint32_t i = 0; i < 500; ++i) {
    ask(i, "echo " + std::to_string(i));
    if (i % 50 == 49) until([&] { return answers.size() == i + 1; });
    if (i % 50 == 49) run(5ms);
  }
  for (const auto& [whose, answer] : answers) BOOST_TEST(answer == "echo " + std::to_string(whose));
  BOOST_TEST(backend->counters().answers.get() == 500U);
  BOOST_TEST(unanswered.empty());
}

BOOST_AUTO_TEST_CASE(a_second_datagram_of_an_answer_is_nobodys) {
  open({.service = {}, .udp = {}, .http = {}, .sockets = 1, .rest = 50ms, .probe = {}});
  for (std::uint32_t i = 0; i < 5; ++i) {
    ask(i, "twice " + std::to_string(i));
    until([&] { return answers.size() == i + 1; });
    run(60ms);
  }
  for (const auto& [whose, answer] : answers) BOOST_TEST(answer == "twice " + std::to_string(whose));
  BOOST_TEST(backend->counters().stray.get() == 5U);
}

BOOST_AUTO_TEST_CASE(the_late_answer_of_a_request_that_was_given_up_is_never_the_next_ones) {
  open({.service = {}, .udp = {}, .http = {}, .timeout = 60ms, .sockets = 2, .rest = 0ms, .probe = {}});
  for (std::uint32_t i = 0; i < 40; ++i) {
    ask(i, (i % 2 == 0 ? "late " : "echo ") + std::to_string(i));
    until([&] { return answers.size() + unanswered.size() == i + 1; });
    run(i % 2 == 0 ? 20ms : 5ms);
  }
  run(200ms);
  BOOST_TEST(answers.size() == 20U);
  for (const auto& [whose, answer] : answers) BOOST_TEST(answer == "echo " + std::to_string(whose));
  BOOST_TEST(unanswered.size() == 20U);
  BOOST_TEST(backend->counters().silent.get() == 20U);
}

BOOST_AUTO_TEST_CASE(when_all_sockets_are_in_use_the_next_request_is_refused_at_once) {
  open({.service = {}, .udp = {}, .http = {}, .timeout = 100ms, .sockets = 3, .probe = {}});
  for (std::uint32_t i = 0; i < 5; ++i) ask(i, "nothing");
  BOOST_TEST((unanswered == std::vector<std::uint32_t>{3, 4}));
  BOOST_TEST(backend->counters().full.get() == 2U);
  until([&] { return unanswered.size() == 5; });
  run(50ms);
  ask(9, "echo");
  until([&] { return answers.contains(9); });
  BOOST_TEST(backend->up());  // silence says nothing: strangers choose what is asked
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_too_long_shows_its_length) {
  open({.service = {}, .udp = {}, .http = {}, .probe = {}});
  ask(1, "long");
  until([&] { return answers.contains(1); });
  BOOST_TEST(lengths[1] == 2000U);
  BOOST_TEST(answers[1].size() == 1232U);
}

BOOST_AUTO_TEST_CASE(a_backend_may_be_told_whose_a_request_is) {
  const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);
  open({.service = {}, .udp = {}, .http = {}, .proxy = true, .probe = {}});
  backend->ask(1, as_bytes(std::string_view("echo")),
               ProxiedRequest{*parse_endpoint("192.0.2.7:4660"), *parse_endpoint("198.51.100.1:80")});
  until([&] { return server->requests == 1; });
  BOOST_TEST(server->last ==
             signature + std::string("\x21\x12\0\x0c\xc0\0\2\7\xc6\x33\x64\1\x12\x34\0P", 16) + "echo");
  ask(2, "echo");  // as a probe: nobody's
  until([&] { return server->requests == 2; });
  BOOST_TEST(server->last == signature + std::string("\x20\0\0\0", 4) + "echo");
}

BOOST_AUTO_TEST_CASE(a_backend_that_nobody_listens_at_is_down_and_with_a_probe_up_as_soon_as_it_answers) {
  server.reset();
  open({.service = {}, .udp = {}, .http = {}, .sockets = 4, .probe = "6563686f", .probe_every = 30ms});
  BOOST_TEST(!backend->up());
  run(100ms);
  BOOST_TEST(!backend->up());
  server.emplace(loop, at);
  until([&] { return backend->up(); });
  server.reset();
  until([&] { return !backend->up(); });
  BOOST_TEST((changes == std::vector<bool>{true, false}));
  ask(1, "echo");
  until([&] { return unanswered.size() == 1; });
}

BOOST_AUTO_TEST_CASE(a_backend_that_answers_no_probe_is_down_and_without_probes_up_until_refused) {
  open({.service = {}, .udp = {}, .http = {}, .timeout = 30ms, .probe = "00", .probe_every = 40ms});
  run(400ms);
  BOOST_TEST(!backend->up());
  BOOST_TEST(backend->counters().probes.get() >= 3U);
  open({.service = {}, .udp = {}, .http = {}, .probe = {}});
  BOOST_TEST(backend->up());
  server.reset();
  ask(1, "echo");
  until([&] { return !backend->up(); });
  BOOST_TEST(backend->counters().refused.get() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
