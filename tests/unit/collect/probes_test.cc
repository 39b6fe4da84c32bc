// Real probes over loopback: what is there, what is not, what is wrong, what hangs;
// and real pings.
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <functional>

#include "collect/dns_probe.hh"
#include "collect/pinger.hh"
#include "collect/probe.hh"
#include "common/net/fd.hh"
#include "common/net/tcp.hh"
#include "common/net/udp.hh"

using namespace flagfall;           // NOLINT(google-build-using-namespace): a test
using namespace flagfall::collect;  // NOLINT(google-build-using-namespace): a test
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = CheckConfig::Kind;
using Verdict = Finding::Verdict;

namespace {

const IpAddress kLocal = *parse_ip("127.0.0.1");

/// An HTTP server that says the same to everybody.
struct Server {
  struct Says final : net::TcpProtocol {
    explicit Says(const std::string& all) : text(all) {}
    Step take(Bytes bytes) override {
      request += as_text(bytes);
      const bool whole = request.find("\r\n\r\n") != std::string::npos;
      Step step;
      step.taken = bytes.size();
      if (whole) step.reply = as_bytes(text);
      step.message = whole;
      step.close = whole;
      return step;
    }
    const std::string& text;
    std::string request;
  };
  Server(net::Loop& loop, std::string reply)
      : text(std::move(reply)),
        listener(net::tcp_listener({kLocal, 0}, false)),
        at(net::local_endpoint(listener)),
        server(loop, std::move(listener), {},
               [this](const Endpoint&) { return std::make_unique<Says>(text); }) {}
  std::string text;
  net::Fd listener;
  Endpoint at;
  net::TcpServer server;
};

struct Rig {
  net::Loop loop;
  SystemRandom random;

  Rig() { (void)std::signal(SIGPIPE, SIG_IGN); }  // as daemons do
  Finding probe(const CheckConfig& check) {
    std::optional<Finding> found;
    const auto probe = start_probe(loop, random, check, [&](const Finding& finding) {
      found = finding;
      loop.stop();
    });
    BOOST_TEST(!found.has_value());  // never from within
    const net::Watch limit = loop.after(seconds(10), [&] { loop.stop(); });
    loop.run();
    BOOST_REQUIRE(found.has_value());
    return *found;
  }
};

CheckConfig check(Kind kind, const Endpoint& at) {
  CheckConfig out;
  out.kind = kind;
  out.address = at;
  out.host = "www.example.test";
  out.query = "www.example.test";
  out.timeout = milliseconds(700);
  return out;
}

CheckConfig script(std::vector<std::string> command) {
  CheckConfig out = check(Kind::script, {});
  out.command = std::move(command);
  return out;
}

/// A port where nobody listens.
Endpoint closed() {
  return net::local_endpoint(net::tcp_listener({kLocal, 0}, false));
}

const std::string kPage = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\nall is well\r\n";

}  // namespace

namespace flagfall::collect {
std::ostream& operator<<(std::ostream& out, Verdict v) {
  return out << static_cast<int>(v);
}
}  // namespace flagfall::collect

BOOST_AUTO_TEST_SUITE(probes)

BOOST_AUTO_TEST_CASE(a_connection_that_is_taken_is_good_and_one_that_is_refused_is_bad) {
  Rig rig;
  const Server server(rig.loop, kPage);
  BOOST_TEST(rig.probe(check(Kind::tcp, server.at)).verdict == Verdict::good);
  const Finding refused = rig.probe(check(Kind::tcp, closed()));
  BOOST_TEST(refused.verdict == Verdict::bad);
  BOOST_TEST(refused.why == "Connection refused");
}

BOOST_AUTO_TEST_CASE(a_page_must_have_its_status_and_its_text) {
  Rig rig;
  const Server server(rig.loop, kPage);
  CheckConfig page = check(Kind::http, server.at);
  page.text = "all is well";
  BOOST_TEST(rig.probe(page).verdict == Verdict::good);
  page.text = "all is ill";
  BOOST_TEST(rig.probe(page).verdict == Verdict::bad);
  page.text = "";
  page.status = 204;
  BOOST_TEST(rig.probe(page).why == "status 200");
  page.status = 0;
  BOOST_TEST(rig.probe(page).verdict == Verdict::good);
  BOOST_TEST(rig.probe(check(Kind::http, closed())).verdict == Verdict::bad);
  // Plain HTTP to a TLS check.
  BOOST_TEST(rig.probe(check(Kind::https, server.at)).verdict == Verdict::bad);
}

BOOST_AUTO_TEST_CASE(what_answers_other_than_in_http_is_bad_and_what_is_endless_is_bounded) {
  Rig rig;
  const Server noise(rig.loop, "SSH-2.0-nothing\r\n\r\n");
  BOOST_TEST(rig.probe(check(Kind::http, noise.at)).verdict == Verdict::bad);
  const Server error(rig.loop, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  BOOST_TEST(rig.probe(check(Kind::http, error.at)).why == "status 503");
  const Server large(rig.loop,
                     "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegin" + std::string(99995, 'x'));
  CheckConfig begins = check(Kind::http, large.at);
  begins.text = "begin";
  BOOST_TEST(rig.probe(begins).verdict == Verdict::good);
  const Server headers(rig.loop, "HTTP/1.1 200 OK\r\nX: " + std::string(100000, 'x') + "\r\n\r\n");
  BOOST_TEST(rig.probe(check(Kind::http, headers.at)).verdict == Verdict::bad);
}

BOOST_AUTO_TEST_CASE(a_server_that_takes_connections_and_says_nothing_is_bad_after_the_time_out) {
  Rig rig;
  const net::Fd listener = net::tcp_listener({kLocal, 0}, false);
  const Finding finding = rig.probe(check(Kind::http, net::local_endpoint(listener)));
  BOOST_TEST(finding.verdict == Verdict::bad);
  BOOST_TEST(finding.why == "no answer in time");
}

BOOST_AUTO_TEST_CASE(a_name_server_must_answer_with_a_record) {
  Rig rig;
  const net::Fd socket = net::udp_socket({kLocal, 0}, {});
  unsigned char rcode = 0, records = 1;
  const net::Watch serve = rig.loop.on_readable(socket.get(), [&] {
    std::array<unsigned char, 512> room{};
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t n = recvfrom(socket.get(), room.data(), room.size(), 0, reinterpret_cast<sockaddr*>(&from),
                               &length);  // NOLINT(*-reinterpret-cast)
    room[2] = 0x84;
    room[3] = rcode;
    room[7] = records;
    (void)sendto(socket.get(), room.data(), static_cast<std::size_t>(n), 0,
                 reinterpret_cast<sockaddr*>(&from), length);  // NOLINT(*-reinterpret-cast)
  });
  CheckConfig name = check(Kind::dns, net::local_endpoint(socket));
  BOOST_TEST(rig.probe(name).verdict == Verdict::good);
  records = 0;
  BOOST_TEST(rig.probe(name).why == "no such record");
  rcode = 5;
  BOOST_TEST(rig.probe(name).why == "rcode 5");
  const Finding refused = rig.probe(check(Kind::dns, closed()));
  BOOST_TEST(refused.verdict == Verdict::bad);
  BOOST_TEST(refused.why == "Connection refused");
}

BOOST_AUTO_TEST_CASE(answers_to_other_questions_are_waited_past) {
  const auto name = *encode_dns_name("www.example.test.");
  const auto question = encode_dns_question(7, name, 1);
  auto answer = question;
  answer[2] = 0x80;
  answer[7] = 1;
  BOOST_REQUIRE(judge_dns_answer(answer, question).has_value());
  BOOST_TEST(judge_dns_answer(answer, question)->verdict == Verdict::good);
  auto other = answer;
  other[1] = 8;
  BOOST_TEST(!judge_dns_answer(other, question).has_value());
  other = answer;
  other[14] ^= 1;
  BOOST_TEST(!judge_dns_answer(other, question).has_value());
  BOOST_TEST(!judge_dns_answer(question, question).has_value());  // no response
  for (std::size_t n = 0; n < answer.size(); ++n)
    BOOST_TEST(!judge_dns_answer(Bytes(answer).first(n), question).has_value());
  for (const auto* bad : {"", "..", "a..b", "a b", "a\\.b"}) BOOST_TEST(!encode_dns_name(bad), bad);
  BOOST_TEST(!encode_dns_name(std::string(64, 'a')));
  BOOST_TEST(encode_dns_name(".")->size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_program_says_with_its_exit_status) {
  Rig rig;
  BOOST_TEST(rig.probe(script({"/bin/true"})).verdict == Verdict::good);
  const Finding bad = rig.probe(script({"/bin/sh", "-c", "exit 3"}));
  BOOST_TEST(bad.verdict == Verdict::bad);
  BOOST_TEST(bad.why == "exit status 3");
}

BOOST_AUTO_TEST_CASE(a_program_that_dies_hangs_or_is_not_there_has_said_nothing) {
  Rig rig;
  BOOST_TEST(rig.probe(script({"/nowhere/check"})).verdict == Verdict::broken);
  BOOST_TEST(rig.probe(script({"/bin/sh", "-c", "exec /nowhere/check"})).verdict == Verdict::broken);
  BOOST_TEST(rig.probe(script({"/bin/sh", "-c", "kill -9 $$"})).why == "ended by signal 9");
  const Finding hung = rig.probe(script({"/bin/sh", "-c", "sleep 60 & wait"}));
  BOOST_TEST(hung.verdict == Verdict::broken);
  BOOST_TEST(hung.why == "it has not ended in time");
}

BOOST_AUTO_TEST_CASE(a_real_ping_over_loopback_has_a_short_round_trip) {
  net::Loop loop;
  const SystemClock clock;
  SystemRandom random;
  std::vector<PingDesk::Result> results;
  Pinger pinger(loop, clock, random, {.timeout = milliseconds(200)}, open_ping_sockets(),
                [&](const auto& told) {
                  results.insert(results.end(), told.begin(), told.end());
                  if (results.size() == 2) loop.stop();
                });
  const net::Watch limit = loop.after(seconds(10), [&] { loop.stop(); });
  pinger.order(3, {seconds(5), {kLocal, *parse_ip("::1")}});
  loop.run();
  BOOST_REQUIRE(results.size() == 2U);
  for (const auto& result : results) {
    if (result.ping.address.family == Family::v6 && result.ping.fate == wire::PingResult::Fate::refused)
      continue;  // a host without IPv6
    BOOST_TEST(result.asker == 3U);
    BOOST_TEST((result.ping.fate == wire::PingResult::Fate::answered));
    BOOST_TEST(result.ping.round_trip.count() > 0);
    BOOST_TEST((result.ping.round_trip < milliseconds(100)));
  }
  BOOST_TEST(pinger.counters().forged == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
