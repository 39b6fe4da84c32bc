// Who is asked when, what counts as a reply, what is remembered.
#include "collect/ping_desk.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using collect::PingDesk;
using collect::PingOptions;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Fate = wire::PingResult::Fate;

namespace {

IpAddress host(unsigned n) {
  return ip_from_bytes(std::array{std::uint8_t{10}, static_cast<std::uint8_t>(n >> 16),
                                  static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)});
}

struct Rig {
  SeededRandom random{7};
  PingDesk desk;
  MonoTime now{seconds(1000)};

  explicit Rig(const PingOptions& options = {}) : desk(options, random) {}
  void order(std::vector<IpAddress> addresses, Nanos within = seconds(5), std::size_t asker = 0) {
    desk.order(asker, {within, std::move(addresses)}, now);
  }
  std::vector<PingDesk::Echo> echoes() {
    auto out = desk.take_echoes(now);
    for (const auto& echo : out) desk.sent(echo.sequence, now);
    return out;
  }
  void answer(const PingDesk::Echo& echo, Nanos round_trip) {
    desk.reply(echo.to, echo.sequence, echo.token, now + round_trip, now + round_trip);
  }
  std::vector<PingDesk::Result> later(Nanos by) {
    now += by;
    desk.tick(now);
    return desk.take_results();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(ping_desk)

BOOST_AUTO_TEST_CASE(nobody_is_asked_without_an_order_and_the_ordered_are) {
  Rig rig;
  BOOST_TEST(rig.echoes().empty());
  BOOST_TEST((rig.desk.next_deadline(rig.now) == MonoTime::max()));
  rig.order({host(1), host(2)});
  const auto echoes = rig.echoes();
  BOOST_REQUIRE(echoes.size() == 2U);
  BOOST_TEST((echoes[0].to == host(1)));
  BOOST_TEST(echoes[0].token != echoes[1].token);
  rig.answer(echoes[1], milliseconds(12));
  const auto results = rig.desk.take_results();
  BOOST_REQUIRE(results.size() == 1U);
  BOOST_TEST((results[0].ping.address == host(2)));
  BOOST_TEST((results[0].ping.fate == Fate::answered));
  BOOST_TEST((results[0].ping.round_trip == milliseconds(12)));
}

BOOST_AUTO_TEST_CASE(a_reply_counts_only_with_its_token_and_from_whom_was_asked) {
  Rig rig;
  rig.order({host(1)});
  const auto echo = rig.echoes().at(0);
  rig.desk.reply(host(1), echo.sequence, echo.token + 1, rig.now + milliseconds(1), rig.now);
  rig.desk.reply(host(2), echo.sequence, echo.token, rig.now + milliseconds(1), rig.now);
  rig.desk.reply(host(1), static_cast<std::uint16_t>(echo.sequence + 1), echo.token, rig.now, rig.now);
  rig.desk.reply(host(1), 65535, echo.token, rig.now + milliseconds(1), rig.now);
  BOOST_TEST(rig.desk.take_results().empty());
  BOOST_TEST(rig.desk.counters().forged == 4U);
  rig.answer(echo, milliseconds(3));
  BOOST_TEST(rig.desk.take_results().size() == 1U);
  rig.answer(echo, milliseconds(4));  // a duplicate
  BOOST_TEST(rig.desk.take_results().empty());
  BOOST_TEST(rig.desk.counters().late == 1U);
  BOOST_TEST(rig.desk.counters().replies == 1U);
}

BOOST_AUTO_TEST_CASE(silence_is_said_after_all_tries) {
  Rig rig;
  rig.order({host(1)}, seconds(10));
  const auto first = rig.echoes().at(0);
  BOOST_TEST(rig.later(milliseconds(999)).empty());
  BOOST_TEST(rig.later(milliseconds(1)).empty());  // the first try is over
  rig.answer(first, Nanos(0));
  BOOST_TEST(rig.desk.counters().late == 1U);
  BOOST_REQUIRE(rig.echoes().size() == 1U);
  const auto results = rig.later(seconds(1));
  BOOST_REQUIRE(results.size() == 1U);
  BOOST_TEST((results[0].ping.fate == Fate::silent));
  BOOST_TEST(results[0].ping.round_trip.count() == 0);
  BOOST_TEST(rig.desk.counters().silent == 1U);
  BOOST_TEST(rig.desk.busy() == 0U);
}

BOOST_AUTO_TEST_CASE(an_order_that_waits_too_long_is_told_silence_and_the_reply_is_remembered) {
  Rig rig;
  rig.order({host(1)}, milliseconds(300));
  const auto echo = rig.echoes().at(0);
  const auto results = rig.later(milliseconds(300));
  BOOST_REQUIRE(results.size() == 1U);
  BOOST_TEST((results[0].ping.fate == Fate::silent));
  rig.answer(echo, milliseconds(100));  // 400 ms after it was sent
  BOOST_TEST(rig.desk.take_results().empty());
  rig.now += milliseconds(600);
  rig.order({host(1)});
  const auto again = rig.desk.take_results();
  BOOST_REQUIRE(again.size() == 1U);
  BOOST_TEST((again[0].ping.round_trip == milliseconds(400)));
  BOOST_TEST((again[0].ping.age == milliseconds(500)));
  BOOST_TEST(rig.echoes().empty());
  BOOST_TEST(rig.desk.counters().cached == 1U);
}

BOOST_AUTO_TEST_CASE(memory_ends_after_its_time_and_is_bounded) {
  Rig rig({.rate = 1e6, .burst = 1e6, .memory = 10});
  for (unsigned i = 1; i <= 20; ++i) {
    rig.order({host(i)});
    rig.answer(rig.echoes().at(0), milliseconds(1));
  }
  BOOST_TEST(rig.desk.remembered() == 10U);
  (void)rig.desk.take_results();
  rig.order({host(20), host(1)});
  BOOST_TEST(rig.desk.take_results().size() == 1U);  // host 1 is forgotten
  BOOST_TEST(rig.echoes().size() == 1U);
  (void)rig.later(seconds(61));
  rig.order({host(20)});
  BOOST_TEST(rig.desk.take_results().empty());
  BOOST_TEST(rig.echoes().size() == 1U);
}

BOOST_AUTO_TEST_CASE(echoes_keep_to_the_rate_and_to_so_many_at_once) {
  Rig rig({.rate = 10, .burst = 5, .at_once = 3});
  std::vector<IpAddress> many;
  for (unsigned i = 1; i <= 100; ++i) many.push_back(host(i));
  rig.order(many, seconds(60));
  BOOST_TEST(rig.echoes().size() == 3U);
  BOOST_TEST(rig.echoes().empty());
  (void)rig.later(seconds(1));  // three time-outs
  std::size_t sent = 3;
  for (int i = 0; i < 400; ++i) {
    for (const auto& echo : rig.echoes()) {
      ++sent;
      rig.answer(echo, milliseconds(1));
    }
    BOOST_TEST((rig.desk.next_deadline(rig.now) >= rig.now));
    (void)rig.later(milliseconds(10));
  }
  // Three; then, with the bucket full again, the burst of five and 4 s at 10 a second.
  BOOST_TEST(sent <= 48U);
  BOOST_TEST(sent >= 46U);
}

BOOST_AUTO_TEST_CASE(what_finds_no_room_or_is_nobodys_address_is_refused_at_once) {
  Rig rig({.queue = 2});
  rig.order({host(1), host(2), host(3), *parse_ip("224.0.0.1"), *parse_ip("255.255.255.255"),
             *parse_ip("ff02::1"), *parse_ip("::")});
  const auto results = rig.desk.take_results();
  BOOST_REQUIRE(results.size() == 5U);
  for (const auto& result : results) BOOST_TEST((result.ping.fate == Fate::refused));
  BOOST_TEST(rig.desk.counters().refused == 5U);
  BOOST_TEST(rig.echoes().size() == 2U);
}

BOOST_AUTO_TEST_CASE(an_echo_that_the_kernel_refuses_is_a_refusal_and_is_not_remembered) {
  Rig rig;
  rig.order({host(1)});
  const auto echo = rig.desk.take_echoes(rig.now).at(0);
  rig.desk.failed(echo.sequence, rig.now);
  const auto results = rig.desk.take_results();
  BOOST_REQUIRE(results.size() == 1U);
  BOOST_TEST((results[0].ping.fate == Fate::refused));
  BOOST_TEST(rig.desk.busy() == 0U);
  rig.order({host(1)});
  BOOST_TEST(rig.echoes().size() == 1U);
}

BOOST_AUTO_TEST_CASE(two_masters_share_one_echo_and_each_is_told) {
  Rig rig;
  rig.order({host(1), host(1)}, seconds(5), 0);
  rig.order({host(1)}, seconds(5), 1);
  const auto echoes = rig.echoes();
  BOOST_REQUIRE(echoes.size() == 1U);
  rig.answer(echoes[0], milliseconds(2));
  const auto results = rig.desk.take_results();
  BOOST_REQUIRE(results.size() == 2U);
  BOOST_TEST(results[0].asker != results[1].asker);
}

BOOST_AUTO_TEST_CASE(who_is_gone_is_told_nothing_and_costs_no_echo) {
  Rig rig;
  rig.order({host(1)}, seconds(5), 1);
  rig.desk.forget(1);
  BOOST_TEST(rig.echoes().empty());
  BOOST_TEST(rig.later(seconds(10)).empty());
  BOOST_TEST(rig.desk.busy() == 0U);
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_set_back_makes_no_round_trip) {
  Rig rig;
  rig.order({host(1)});
  const auto echo = rig.echoes().at(0);
  rig.desk.reply(echo.to, echo.sequence, echo.token, rig.now - seconds(1), rig.now);
  BOOST_TEST(rig.desk.take_results().empty());
  BOOST_TEST(rig.echoes().size() == 1U);  // the second try
}

BOOST_AUTO_TEST_CASE(random_events_lose_no_order_and_leave_nothing_behind) {
  SeededRandom dice(3);
  Rig rig({.rate = 1000, .burst = 50, .at_once = 16, .queue = 64, .memory = 32});
  std::size_t asked = 0, told = 0;
  std::vector<PingDesk::Echo> open;
  std::map<std::pair<std::size_t, IpAddress>, bool> waiting;
  const auto collect_results = [&] {
    for (const auto& result : rig.desk.take_results()) {
      ++told;
      BOOST_TEST(waiting.erase({result.asker, result.ping.address}) == 1U);
    }
  };
  for (int i = 0; i < 20000; ++i) {
    switch (dice.next() % 4) {
      case 0: {
        const std::size_t asker = dice.next() % 2;
        const IpAddress address = host(1 + static_cast<unsigned>(dice.next() % 200));
        if (waiting.contains({asker, address})) break;
        waiting[{asker, address}] = true;
        ++asked;
        rig.order({address}, milliseconds(10 + dice.next() % 3000), asker);
        break;
      }
      case 1:
        for (const auto& echo : rig.echoes()) open.push_back(echo);
        break;
      case 2:
        if (!open.empty()) {
          const std::size_t at = dice.next() % open.size();
          rig.desk.reply(open[at].to, open[at].sequence, open[at].token, rig.now + Nanos(1), rig.now);
          open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
        }
        break;
      default:
        rig.now += milliseconds(dice.next() % 50);
        rig.desk.tick(rig.now);
    }
    collect_results();
    BOOST_REQUIRE(rig.desk.busy() <= 64U);
    BOOST_REQUIRE(rig.desk.remembered() <= 32U);
  }
  for (int i = 0; i < 100; ++i) {
    (void)rig.echoes();
    rig.now += seconds(1);
    rig.desk.tick(rig.now);
    collect_results();
  }
  BOOST_TEST(asked == told);
  BOOST_TEST(rig.desk.busy() == 0U);
  BOOST_TEST(asked > 1000U);
}

BOOST_AUTO_TEST_SUITE_END()
