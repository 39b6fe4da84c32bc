// `flagfall race` against a responder on the loopback that behaves, and one that does not.
#include "tools/racer.hh"

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <thread>

#include "common/net/udp.hh"
#include "common/wire/dns_answer.hh"

using namespace std::chrono_literals;
namespace net = flagfall::net;
namespace tools = flagfall::tools;
namespace wire = flagfall::wire;

namespace {

using Answers = std::vector<std::vector<std::uint8_t>>;

/// Answers every query with what `reply` gives; its own thread.
class Responder {
 public:
  using Reply = std::function<Answers(const wire::DnsQuery&)>;
  Responder(const std::string& address, Reply reply)
      : fd_(net::udp_socket({*flagfall::parse_ip(address), 0}, {})),
        reply_(std::move(reply)),
        thread_([this] { serve(); }) {}
  ~Responder() {
    over_ = true;
    thread_.join();
  }
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  Responder(Responder&&) = delete;
  Responder& operator=(Responder&&) = delete;
  [[nodiscard]] flagfall::Endpoint endpoint() const { return net::local_endpoint(fd_); }

 private:
  void serve() {
    net::UdpReceiver receiver;
    while (!over_) {
      for (const auto& datagram : receiver.receive(fd_)) {
        wire::DnsQuery query;
        if (wire::parse_query(datagram.data, query) != wire::QueryVerdict::ok) continue;
        const net::SockAddr to(datagram.from);
        for (const auto& answer : reply_(query))
          (void)sendto(fd_.get(), answer.data(), answer.size(), 0, &to.any, to.length);
      }
      std::this_thread::sleep_for(200us);
    }
  }
  net::Fd fd_;
  Reply reply_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

std::vector<std::uint8_t> answer(const wire::DnsQuery& query, const std::string& address,
                                 flagfall::Bytes cookie = {}) {
  const std::array addresses{*flagfall::parse_ip(address)};
  const auto records = wire::prepare_addresses(addresses, 30);
  std::vector<std::uint8_t> room(1500);
  room.resize(wire::write_answer(query, {.answer = &records}, {.server_cookie = cookie}, 1232, room));
  return room;
}

struct Fixture {
  flagfall::SystemClock clock;
  flagfall::SeededRandom random{7};
  std::ostringstream out;
  std::ostringstream err;
  int run(const flagfall::Endpoint& master, tools::RaceOptions options) {
    options.master = master;
    if (options.pattern.empty()) options.pattern = "*.race.test";
    return tools::race(options, clock, random, out, err);
  }
  std::vector<nlohmann::json> objects() const {
    std::vector<nlohmann::json> all;
    std::istringstream lines(out.str());
    for (std::string line; std::getline(lines, line);) all.push_back(nlohmann::json::parse(line));
    return all;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(racer, Fixture)

BOOST_AUTO_TEST_CASE(every_answer_is_printed_in_the_order_in_which_it_came) {
  const Responder responder("127.0.0.1", [](const wire::DnsQuery& q) {
    return Answers{answer(q, "192.0.2.10"), answer(q, "192.0.2.11"), answer(q, "192.0.2.12")};
  });
  BOOST_TEST(run(responder.endpoint(), {.count = 3, .interval = 5ms, .wait = 300ms, .json = true}) == 0);
  const auto all = objects();
  BOOST_REQUIRE(all.size() == 3U);
  for (const auto& race : all) {
    BOOST_TEST(race["winner"] == "192.0.2.10");
    BOOST_REQUIRE(race["arrivals"].size() == 3U);
    BOOST_TEST(race["arrivals"][0]["gap_ms"].get<double>() == 0.0);
    BOOST_TEST(race["arrivals"][0]["ms"].get<double>() > 0.0);
    BOOST_TEST(race["arrivals"][2]["gap_ms"].get<double>() >= race["arrivals"][1]["gap_ms"].get<double>());
  }
  BOOST_TEST(all[0]["name"] != all[1]["name"]);
}

BOOST_AUTO_TEST_CASE(it_works_over_ipv6_with_random_case) {
  const Responder responder("::1",
                            [](const wire::DnsQuery& q) { return Answers{answer(q, "2001:db8::10")}; });
  BOOST_TEST(
      run(responder.endpoint(),
          {.type = wire::rrtype::kAaaa, .count = 1, .wait = 300ms, .json = true, .random_case = true}) == 0);
  BOOST_TEST(objects().at(0)["winner"] == "2001:db8::10");
}

BOOST_AUTO_TEST_CASE(forged_and_broken_answers_are_counted_and_do_not_win) {
  const Responder responder("127.0.0.1", [](const wire::DnsQuery& q) {
    auto wrong_id = answer(q, "203.0.113.1");
    wrong_id[0] ^= 1;
    auto wrong_name = answer(q, "203.0.113.2");
    wrong_name[13] ^= 1;
    return Answers{wrong_id, wrong_name, {0, 1, 2}, answer(q, "192.0.2.10")};
  });
  BOOST_TEST(run(responder.endpoint(), {.count = 1, .wait = 300ms}) == 0);
  BOOST_TEST(out.str().find("race 1: 192.0.2.10 ") != std::string::npos);
  BOOST_TEST(out.str().find("203.0.113") == std::string::npos);
  BOOST_TEST(
      out.str().find("3 answers ignored: 1 wrong id, 1 wrong question, 0 wrong cookie, 1 malformed\n") !=
      std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_servers_cookie_is_sent_with_the_next_query) {
  std::atomic<unsigned> with_cookie = 0;
  const std::array<std::uint8_t, 16> cookie{1, 2, 3};
  const Responder responder("127.0.0.1", [&](const wire::DnsQuery& q) {
    if (std::ranges::equal(q.server_cookie, cookie)) ++with_cookie;
    return Answers{answer(q, "192.0.2.10", cookie)};
  });
  BOOST_TEST(run(responder.endpoint(), {.count = 2, .interval = 200ms, .wait = 100ms, .json = true}) == 0);
  BOOST_TEST(with_cookie == 1U);
}

BOOST_AUTO_TEST_CASE(without_cookies_none_is_sent) {
  std::atomic<unsigned> cookies = 0;
  const Responder responder("127.0.0.1", [&](const wire::DnsQuery& q) {
    if (q.client_cookie) ++cookies;
    return Answers{answer(q, "192.0.2.10")};
  });
  BOOST_TEST(run(responder.endpoint(), {.count = 1, .wait = 200ms, .json = true, .cookie = false}) == 0);
  BOOST_TEST(cookies == 0U);
}

BOOST_AUTO_TEST_CASE(silence_is_a_lost_race_and_status_one) {
  const Responder responder("127.0.0.1", [](const wire::DnsQuery&) { return Answers{}; });
  BOOST_TEST(run(responder.endpoint(), {.count = 2, .interval = 1ms, .wait = 20ms}) == 1);
  BOOST_TEST(out.str().find("race 2: no answer within 20 ms\n") != std::string::npos);
  BOOST_TEST(out.str().find("2 queries, 0 answered (100.0% unanswered)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_closed_port_is_told_by_its_icmp_error) {
  flagfall::Endpoint closed;
  {
    const net::Fd fd = net::udp_socket({*flagfall::parse_ip("127.0.0.1"), 0}, {});
    closed = net::local_endpoint(fd);
  }
  BOOST_TEST(run(closed, {.count = 1, .wait = 50ms}) == 1);
  BOOST_TEST(out.str().find("1 ICMP errors") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_network_that_cannot_be_used_at_all_is_an_error_at_once) {
  // Without SO_BROADCAST the kernel refuses to connect to the broadcast address.
  BOOST_CHECK_EXCEPTION(
      run(*flagfall::parse_endpoint("255.255.255.255:53"), {.count = 2, .wait = 50ms}), std::system_error,
      [](const std::system_error& e) { return std::string_view(e.what()).starts_with("no way to "); });
}

BOOST_AUTO_TEST_CASE(dozens_of_answers_to_one_query_are_all_seen) {
  const Responder responder("127.0.0.1", [](const wire::DnsQuery& q) {
    Answers all;
    for (int i = 1; i <= 80; ++i) all.push_back(answer(q, "192.0.2." + std::to_string(i)));
    return all;
  });
  BOOST_TEST(run(responder.endpoint(), {.count = 1, .wait = 300ms, .json = true}) == 0);
  BOOST_TEST(objects().at(0)["arrivals"].size() == 80U);
}

BOOST_AUTO_TEST_SUITE_END()
