#include "master/teaching.hh"

#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using master::kNoEcho;
using master::Runner;
using master::Teaching;

namespace {

const IpAddress kV4 = *parse_ip("192.0.2.1");
const IpAddress kV6 = *parse_ip("2001:db8::1");

std::vector<Runner> slaves(std::uint16_t count) {
  std::vector<Runner> out;
  for (std::uint16_t i = 0; i < count; ++i) out.push_back({i, i, 1});
  return out;
}

struct Fixture {
  SeededRandom random{4};
  MonoTime now = MonoTime(100s);
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(teaching, Fixture)

BOOST_AUTO_TEST_CASE(all_pairs_of_the_service_get_their_turn_and_each_of_them_the_echo) {
  Teaching teaching({1, 2}, random);
  std::map<std::pair<unsigned, unsigned>, unsigned> pairs;
  for (int i = 0; i < 6000; ++i) {
    auto runners = slaves(4);
    now += 10s;
    const auto lesson = teaching.lesson(runners, 8, kV4, {}, now);
    BOOST_REQUIRE_EQUAL(lesson.count, 2U);
    BOOST_REQUIRE(lesson.echo < 2);
    ++pairs[{runners[lesson.echo].slave, runners[1U - lesson.echo].slave}];
    std::set<unsigned> all;
    for (const Runner& r : runners) all.insert(r.slave);
    BOOST_REQUIRE_EQUAL(all.size(), 4U);  // nobody is lost or there twice
  }
  BOOST_TEST(pairs.size() == 12U);
  for (const auto& [pair, times] : pairs) BOOST_TEST((times > 400 && times < 600));
}

BOOST_AUTO_TEST_CASE(the_share_of_races_that_teach_is_as_configured) {
  Teaching teaching({0.1, 2}, random);
  unsigned taught = 0;
  for (int i = 0; i < 10000; ++i) {
    auto runners = slaves(3);
    now += 10s;
    taught += teaching.lesson(runners, 8, kV4, {}, now).count > 0 ? 1 : 0;
  }
  BOOST_TEST((taught > 900 && taught < 1100));
  Teaching off({0, 2}, random);
  auto runners = slaves(3);
  BOOST_TEST(off.lesson(runners, 8, kV4, {}, now).count == 0U);
}

BOOST_AUTO_TEST_CASE(a_client_teaches_no_faster_than_its_host_sends_errors) {
  Teaching teaching({1, 2}, random);
  const auto lessons = [&](const IpAddress& client, Nanos every, int races) {
    int taught = 0;
    for (int i = 0; i < races; ++i) {
      auto runners = slaves(3);
      now += every;
      taught += teaching.lesson(runners, 8, client, {}, now).count > 0 ? 1 : 0;
    }
    return taught;
  };
  // Two errors a lesson: a loser's and the echo's. A burst of six, then one a second; over IPv6 ten.
  BOOST_TEST(lessons(kV4, 0s, 100) == 3);
  BOOST_TEST(lessons(kV4, 100ms, 1000) == 50);
  BOOST_TEST(lessons(kV6, 0s, 100) == 3);
  BOOST_TEST(lessons(kV6, 100ms, 1000) == 500);
  BOOST_TEST(lessons(*parse_ip("192.0.2.2"), 0s, 100) == 3);  // each host for itself
}

BOOST_AUTO_TEST_CASE(one_runner_teaches_nothing_and_the_bound_on_answers_counts_the_echo) {
  Teaching teaching({1, 3}, random);
  auto one = slaves(1);
  BOOST_TEST(teaching.lesson(one, 8, kV4, {}, now).count == 0U);
  auto two = slaves(2);
  const auto pair = teaching.lesson(two, 2, kV4, {}, now);
  BOOST_TEST(pair.count == 2U);
  BOOST_TEST(pair.echo == kNoEcho);
  auto three = slaves(3);
  now += 10s;
  const auto all = teaching.lesson(three, 4, kV4, {}, now);
  BOOST_TEST(all.count == 3U);
  BOOST_TEST(all.echo < 3);
}

BOOST_AUTO_TEST_CASE(invented_addresses_cannot_make_anybody_teach_too_fast) {
  Teaching teaching({1, 2}, random);
  int taught = 0;
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    IpAddress client = kV4;
    client.octets = {10, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
                     static_cast<std::uint8_t>(i)};
    auto runners = slaves(2);
    (void)teaching.lesson(runners, 8, client, {}, now);
    auto mine = slaves(2);
    taught += teaching.lesson(mine, 8, kV4, {}, now).count > 0 ? 1 : 0;
  }
  BOOST_TEST(taught <= 3);
}

BOOST_AUTO_TEST_CASE(a_bound_client_always_teaches_and_its_slave_always_runs) {
  Teaching teaching({0.001, 2}, random);
  std::map<std::uint16_t, int> others;
  for (int i = 0; i < 1000; ++i) {
    now += 3s;
    auto runners = slaves(5);
    const auto lesson = teaching.lesson(runners, 8, kV4, {3, 1}, now);
    BOOST_REQUIRE(lesson.count == 2U);
    BOOST_TEST(lesson.echo == kNoEcho);
    BOOST_TEST(runners[0].slave == 3);
    ++others[runners[1].slave];
  }
  BOOST_TEST(others.size() == 4U);
  BOOST_TEST(!others.contains(3));
  BOOST_TEST((others[1] > 380 && others[1] < 500), others[1]);  // a quarter, and its share of the rest
  auto runners = slaves(2);                                     // its slave is not fit
  BOOST_TEST(teaching.lesson(runners, 2, kV4, {3, 4}, now + 3s).count == 2U);
}

BOOST_AUTO_TEST_CASE(in_doubt_the_bound_slave_runs_against_the_next_one_alone) {
  Teaching teaching({0.001, 2}, random);
  for (int i = 0; i < 100; ++i) {
    now += 3s;
    auto runners = slaves(5);
    BOOST_REQUIRE(teaching.lesson(runners, 8, kV4, {3, 1, true}, now).count == 2U);
    BOOST_TEST(runners[0].slave == 3);
    BOOST_TEST(runners[1].slave == 1);
  }
}

BOOST_AUTO_TEST_CASE(a_client_that_nothing_is_known_of_has_as_many_run_as_its_host_can_tell_of) {
  Teaching teaching({0.001, 2}, random);
  const master::KnownSlaves unknown{.learning = true};
  const auto runners = [&](std::uint16_t of, const IpAddress& client) {
    auto all = slaves(of);
    const auto lesson = teaching.lesson(all, 8, client, unknown, now);
    BOOST_TEST(lesson.echo == kNoEcho);
    return lesson.count;
  };
  // Its host tells of six at once, then of one a second.
  for (int i = 0; i < 3; ++i) BOOST_TEST(runners(3, kV4) == 3U);
  BOOST_TEST(runners(3, kV4) == 0U);  // all run, and none of them is told of
  now += 1s;
  BOOST_TEST(runners(3, kV4) == 2U);
  BOOST_TEST(runners(3, kV4) == 0U);
  now += 2s;
  BOOST_TEST(runners(3, kV4) == 3U);
  BOOST_TEST(runners(16, kV6) == 7U);
  std::set<unsigned> ran;
  for (int i = 0; i < 200; ++i) {
    now += 1s;
    auto all = slaves(8);
    BOOST_REQUIRE(teaching.lesson(all, 8, kV4, unknown, now).count == 2U);
    for (int k = 0; k < 2; ++k) ran.insert(all[static_cast<std::size_t>(k)].slave);
  }
  BOOST_TEST(ran.size() == 8U);
  Teaching off({0, 2}, random);
  auto all = slaves(3);
  BOOST_TEST(off.lesson(all, 8, kV4, unknown, now).count == 0U);
}

BOOST_AUTO_TEST_CASE(what_a_bound_client_does_not_need_today_is_there_when_its_binding_is_in_doubt) {
  Teaching teaching({1, 2}, random);
  const auto lessons = [&](const master::KnownSlaves& known, Nanos every, int races) {
    int taught = 0;
    for (int i = 0; i < races; ++i) {
      auto runners = slaves(3);
      now += every;
      taught += teaching.lesson(runners, 8, kV4, known, now).count > 0 ? 1 : 0;
    }
    return taught;
  };
  BOOST_TEST(lessons({1, 2}, 100ms, 200) == 10);    // one in two seconds
  BOOST_TEST(lessons({1, 2, true}, 0s, 100) == 6);  // all that its host sends at once
  BOOST_TEST(lessons({1, 2, true}, 100ms, 100) == 10);
  BOOST_TEST(lessons({1, 2}, 100ms, 100) == 5);
  BOOST_TEST(lessons({1, 2, true}, 0s, 100) == 5);
}

BOOST_AUTO_TEST_SUITE_END()
