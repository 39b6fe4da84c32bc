#include "master/race_ledger.hh"

#include <boost/test/unit_test.hpp>
#include <map>

#include "common/wire/order.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using master::AnswerOwners;
using master::AnswerUnwanted;
using master::RaceLedger;
using master::RaceStarted;
using race::Certainty;
using race::Fate;
using Reported = wire::RaceOutcome::Fate;

namespace {

constexpr MonoTime kStart = MonoTime(Nanos(50s));
constexpr Nanos kDelay = 25ms;
const Endpoint kClient{*parse_ip("198.51.100.7"), 4242};

/// Slaves 0 to 2 are "a", "b", "c" with 192.0.2.10 to .12; "c" also has 192.0.2.10 in service 1, "shared".
master::Config config() {
  master::Config out;
  out.services.resize(2);
  for (std::size_t s = 0; s < 2; ++s) {
    out.services[s].name = s == 0 ? "web" : "shared";
    for (unsigned i = 0; i < 3; ++i)
      out.services[s].slaves.push_back({std::string(1, static_cast<char>('a' + i)),
                                        {*parse_ip("192.0.2." + std::to_string(10 + i)),
                                         *parse_ip("2001:db8::" + std::to_string(10 + i))}});
  }
  out.services[1].slaves[2].answers = {*parse_ip("192.0.2.10")};
  return out;
}

struct Rig final : master::RaceObserver {
  explicit Rig(std::size_t races = 64) : owners(config()) {
    options.races = races;
    ledger.emplace(options, owners, random, *this);
  }
  SeededRandom random{5};
  AnswerOwners owners;
  master::LedgerOptions options;
  std::optional<RaceLedger> ledger;
  std::vector<race::FinishedRace> done;
  std::vector<race::OrderTiming> timings;

  void timed(const race::OrderTiming& timing) override { timings.push_back(timing); }
  void finished(const race::FinishedRace& race) override { done.push_back(race); }

  [[nodiscard]] static RaceStarted race(std::vector<std::uint16_t> runners = {0, 1}, std::uint64_t id = 9) {
    RaceStarted r;
    r.id = id;
    r.instant = from_ns<RefTime>(1'800'000'000'000'000'000);
    r.received = kStart;
    r.due = kStart + kDelay;
    r.delay = kDelay;
    r.dispatch = 300us;
    r.expected = 20us;
    r.question = 77;
    r.client = kClient;
    r.dns_id = 0x1234;
    r.count = static_cast<std::uint8_t>(runners.size());
    std::ranges::copy(runners, r.runners.begin());
    return r;
  }
  /// The answer of this slave came back `after` the query.
  static AnswerUnwanted error(unsigned slave, Nanos after, std::uint32_t ttl = 30) {
    AnswerUnwanted u;
    u.client = kClient;
    u.at = kStart + after;
    u.question = 77;
    u.ttl = ttl;
    u.dns_id = 0x1234;
    u.count = 1;
    u.answers[0] = *parse_ip("192.0.2." + std::to_string(10 + slave));
    return u;
  }
  static AnswerUnwanted echo_error(unsigned slave, Nanos after) {
    return error(slave, after, wire::echo_ttl(30));
  }
  /// What the client tells of its race: answers of these slaves, so long after its query.
  static master::ClientReport seen(const std::vector<std::pair<unsigned, Nanos>>& arrivals) {
    master::ClientReport out;
    out.client = kClient;
    out.dns_id = 0x1234;
    for (const auto& [slave, after] : arrivals) {
      master::ClientArrival& one = out.arrivals.at(out.count++);
      one.after = after;
      one.count = 1;
      one.answers[0] = *parse_ip("192.0.2." + std::to_string(10 + slave));
    }
    return out;
  }
  void report(std::uint16_t slave, Reported fate = Reported::sent, std::uint64_t id = 9,
              Nanos transmit_error = 2us) {
    wire::Report r;
    r.bound = 400us;
    r.expected = 30us;
    r.outcomes = {{id, fate, 5ms, transmit_error}};
    ledger->report(slave, r);
  }
  race::FinishedRace end() {
    ledger->advance(kStart + 3s);
    BOOST_REQUIRE_EQUAL(done.size(), 1U);
    return done.front();
  }
  /// Slave and certainty; -1 without a verdict.
  std::pair<int, Certainty> verdict() {
    const race::FinishedRace r = end();
    if (!r.verdict) return {-1, Certainty::likely};
    return {r.verdict->winner, r.verdict->certainty};
  }
};

const std::pair<int, Certainty> kNone{-1, Certainty::likely};

}  // namespace

BOOST_AUTO_TEST_SUITE(race_ledger)

BOOST_AUTO_TEST_CASE(the_runner_that_was_not_unwanted_has_won) {
  Rig rig;
  rig.ledger->started(Rig::race());
  rig.report(0);
  rig.report(1);
  rig.ledger->unwanted(rig.error(1, 45ms));
  const race::FinishedRace r = rig.end();
  BOOST_REQUIRE(r.verdict.has_value());
  BOOST_TEST(r.verdict->winner == 0U);
  BOOST_TEST((r.verdict->way == race::Way::icmp));
  BOOST_TEST((r.verdict->certainty == Certainty::certain));
  BOOST_TEST(!r.verdict->margin.has_value());
  BOOST_TEST((r.runners[1].arrival == 20ms));
  BOOST_TEST(!r.runners[0].arrival.has_value());
  BOOST_TEST((r.dispatch == 300us && r.delay == kDelay && r.client == kClient && r.id == 9));
  BOOST_TEST((r.runners[0].fate == Fate::sent && r.runners[0].one_way == 5ms));
  BOOST_TEST((r.runners[0].bound == 400us && r.runners[0].expected == 50us));
  BOOST_TEST(rig.ledger->remembered() == 0U);
}

BOOST_AUTO_TEST_CASE(a_race_leaves_once_and_not_before_its_time) {
  Rig rig;
  rig.ledger->started(Rig::race());
  rig.ledger->advance(kStart + 3s - 1ns);
  BOOST_TEST(rig.done.empty());
  rig.ledger->advance(kStart + 3s);
  rig.ledger->advance(kStart + 9s);
  BOOST_TEST(rig.done.size() == 1U);
  rig.report(0);
  BOOST_TEST(rig.ledger->counters().reports_unknown == 1U);
}

BOOST_AUTO_TEST_CASE(a_report_is_a_timing_at_once) {
  Rig rig;
  rig.ledger->started(Rig::race());
  rig.report(1, Reported::dropped_late);
  BOOST_REQUIRE_EQUAL(rig.timings.size(), 1U);
  const race::OrderTiming& t = rig.timings[0];
  BOOST_TEST((t.race == 9 && t.slave == 1 && t.service == 0 && t.fate == Fate::dropped_late));
  BOOST_TEST((t.delay == kDelay && t.dispatch == 300us && t.one_way == 5ms && t.bound == 400us));
}

BOOST_AUTO_TEST_CASE(two_who_may_have_won_are_no_verdict) {
  Rig rig;
  rig.ledger->started(Rig::race({0, 1, 2}));
  for (std::uint16_t i = 0; i < 3; ++i) rig.report(i);
  rig.ledger->unwanted(rig.error(1, 45ms));
  BOOST_TEST((rig.verdict() == kNone));
}

BOOST_AUTO_TEST_CASE(all_unwanted_means_that_nobody_won) {
  Rig rig;
  rig.ledger->started(Rig::race());
  rig.report(0);
  rig.report(1);
  rig.ledger->unwanted(rig.error(0, 45ms));
  rig.ledger->unwanted(rig.error(1, 46ms));
  BOOST_TEST((rig.verdict() == kNone));
}

BOOST_AUTO_TEST_CASE(no_error_is_no_verdict_even_when_one_runner_alone_has_sent) {
  Rig rig;
  rig.ledger->started(Rig::race());
  rig.report(0);
  rig.report(1, Reported::refused);
  BOOST_TEST((rig.verdict() == kNone));
}

BOOST_AUTO_TEST_CASE(orders_that_were_dropped_refused_or_withheld_account_for_their_runners) {
  for (const Reported fate :
       {Reported::dropped_late, Reported::refused, Reported::failed, Reported::withheld}) {
    Rig rig;
    rig.ledger->started(Rig::race({0, 1, 2}));
    rig.report(0);
    rig.report(1);
    rig.report(2, fate);
    rig.ledger->unwanted(rig.error(1, 45ms));
    BOOST_TEST((rig.verdict() == std::pair(0, Certainty::certain)));
  }
}

BOOST_AUTO_TEST_CASE(who_did_not_report_may_have_sent) {
  {
    Rig rig;
    rig.ledger->started(Rig::race({0, 1, 2}));
    rig.report(0);
    rig.report(1);
    rig.ledger->unwanted(rig.error(1, 45ms));
    BOOST_TEST((rig.verdict() == kNone));
  }
  Rig rig;  // an error proves that it did; but then not all is known
  rig.ledger->started(Rig::race());
  rig.report(0);
  rig.ledger->unwanted(rig.error(1, 45ms));
  BOOST_TEST((rig.verdict() == std::pair(0, Certainty::likely)));
}

BOOST_AUTO_TEST_CASE(later_errors_may_come_from_a_client_that_gave_up) {
  for (const auto& [after, expected] :
       {std::pair(50ms, std::pair(0, Certainty::certain)), std::pair(51ms, std::pair(0, Certainty::likely)),
        std::pair(1000ms, std::pair(0, Certainty::likely)), std::pair(1001ms, kNone)}) {
    Rig rig;
    rig.ledger->started(Rig::race());
    rig.report(0);
    rig.report(1);
    rig.ledger->unwanted(rig.error(1, after));
    BOOST_TEST((rig.verdict() == expected));
  }
}

BOOST_AUTO_TEST_CASE(the_first_error_says_when_the_port_was_closed) {
  Rig rig;
  rig.ledger->started(Rig::race({0, 1, 2}));
  for (std::uint16_t i = 0; i < 3; ++i) rig.report(i);
  rig.ledger->unwanted(rig.error(2, 300ms));
  rig.ledger->unwanted(rig.error(1, 45ms));
  BOOST_TEST((rig.verdict() == std::pair(0, Certainty::certain)));
}

BOOST_AUTO_TEST_CASE(a_question_that_comes_again_voids_the_verdict_in_any_order) {
  for (const bool before : {true, false}) {
    Rig rig;
    rig.ledger->started(Rig::race());
    rig.report(0);
    rig.report(1);
    if (before) rig.ledger->repeated({kClient.ip, 77});
    rig.ledger->unwanted(rig.error(1, 45ms));
    if (!before) rig.ledger->repeated({kClient.ip, 77});
    BOOST_TEST((rig.verdict() == kNone));
    BOOST_TEST(rig.ledger->counters().repeated == 1U);
  }
  Rig rig;  // another's question, or another question, does not
  rig.ledger->started(Rig::race());
  rig.report(0);
  rig.report(1);
  rig.ledger->repeated({*parse_ip("198.51.100.8"), 77});
  rig.ledger->repeated({kClient.ip, 78});
  rig.ledger->unwanted(rig.error(1, 45ms));
  BOOST_TEST((rig.verdict() == std::pair(0, Certainty::certain)));
}

BOOST_AUTO_TEST_CASE(a_question_that_is_raced_again_voids_both_races) {
  Rig rig;
  rig.ledger->started(Rig::race());
  RaceStarted again = Rig::race({0, 1}, 10);
  again.received += 500ms;
  again.due += 500ms;
  again.client.port = 999;
  rig.ledger->started(again);
  rig.ledger->unwanted(rig.error(1, 45ms));
  rig.ledger->advance(kStart + 9s);
  BOOST_REQUIRE_EQUAL(rig.done.size(), 2U);
  BOOST_TEST(!rig.done[0].verdict.has_value());
  BOOST_TEST(!rig.done[1].verdict.has_value());
  BOOST_TEST(rig.ledger->counters().repeated == 2U);
}

BOOST_AUTO_TEST_CASE(a_quote_that_names_no_race_changes_nothing_but_a_counter) {
  const auto forged = [](auto change) {
    Rig rig;
    rig.ledger->started(Rig::race());
    rig.report(0);
    rig.report(1);
    AnswerUnwanted u = rig.error(1, 45ms);
    change(u);
    rig.ledger->unwanted(u);
    BOOST_TEST((rig.verdict() == kNone));
    BOOST_TEST(!rig.done[0].runners[1].arrival.has_value());
    BOOST_TEST(rig.ledger->counters().errors_used == 0U);
    return rig.ledger->counters();
  };
  BOOST_TEST(forged([](auto& u) { ++u.client.port; }).errors_unknown == 1U);
  BOOST_TEST(forged([](auto& u) { u.client.ip.octets[3] ^= 1; }).errors_unknown == 1U);
  BOOST_TEST(forged([](auto& u) { ++u.dns_id; }).errors_unknown == 1U);
  BOOST_TEST(forged([](auto& u) { ++u.question; }).errors_unknown == 1U);
  BOOST_TEST(forged([](auto& u) { ++u.address; }).errors_unknown == 1U);
  BOOST_TEST(forged([](auto& u) { u.answers[0] = *parse_ip("203.0.113.1"); }).errors_unknown == 1U);
  BOOST_TEST(forged([](auto& u) { u.answers[0] = *parse_ip("192.0.2.12"); }).errors_unknown ==
             1U);  // no runner
  BOOST_TEST(forged([](auto& u) { u.ttl = 31; }).errors_unknown == 1U);
  BOOST_TEST(forged([](auto& u) { u.ttl = 29; }).errors_unknown == 1U);  // no echo was ordered
  BOOST_TEST(forged([](auto& u) { u.at = kStart + 10ms; }).errors_early == 1U);
}

BOOST_AUTO_TEST_CASE(an_address_that_several_runners_answer_with_is_nobodys) {
  Rig rig;
  RaceStarted r = Rig::race({0, 2, 1});
  r.service = 1;
  rig.ledger->started(r);
  rig.ledger->unwanted(rig.error(0, 45ms));
  BOOST_TEST(rig.ledger->counters().errors_ambiguous == 1U);
  Rig alone;  // but it is one's when the others do not run
  r = Rig::race({0, 1});
  r.service = 1;
  alone.ledger->started(r);
  alone.report(0);
  alone.report(1);
  alone.ledger->unwanted(alone.error(0, 45ms));
  BOOST_TEST((alone.verdict() == std::pair(1, Certainty::certain)));
}

BOOST_AUTO_TEST_CASE(the_winners_echo_tells_the_margin) {
  Rig rig;
  RaceStarted r = Rig::race();
  r.echo = 0;
  rig.ledger->started(r);
  rig.report(0, Reported::sent, 9, -40us);
  rig.report(1, Reported::sent, 9, 60us);
  rig.ledger->unwanted(rig.error(1, kDelay + 19ms));
  rig.ledger->unwanted(rig.echo_error(0, kDelay + 20ms + 15ms));
  const race::FinishedRace f = rig.end();
  BOOST_REQUIRE(f.verdict.has_value());
  BOOST_TEST(f.verdict->winner == 0U);
  BOOST_TEST((f.verdict->certainty == Certainty::certain));
  BOOST_TEST((f.runners[0].arrival == 15ms));
  BOOST_TEST((f.runners[1].arrival == 19ms));
  BOOST_REQUIRE(f.verdict->margin.has_value());
  BOOST_TEST((*f.verdict->margin == 4ms));
  BOOST_TEST(!f.verdict->within_error);
}

BOOST_AUTO_TEST_CASE(a_margin_that_clocks_and_transmitters_may_explain_is_worth_nothing) {
  // Both slaves: 30 + 20 us of clocks, and 40 us of transmit error: 180 us together.
  for (const auto& [margin, within] : {std::pair(180us, true), std::pair(181us, false)}) {
    Rig rig;
    RaceStarted r = Rig::race();
    r.echo = 0;
    rig.ledger->started(r);
    rig.report(0, Reported::sent, 9, -40us);
    rig.report(1, Reported::sent, 9, 40us);
    rig.ledger->unwanted(rig.error(1, kDelay + 15ms + margin));
    rig.ledger->unwanted(rig.echo_error(0, kDelay + 20ms + 15ms));
    const race::FinishedRace f = rig.end();
    BOOST_REQUIRE((f.verdict && f.verdict->margin));
    BOOST_TEST((*f.verdict->margin == margin));
    BOOST_TEST(f.verdict->within_error == within);
  }
}

BOOST_AUTO_TEST_CASE(an_echo_that_is_unwanted_does_not_say_that_its_answer_was) {
  Rig rig;
  RaceStarted r = Rig::race();
  r.echo = 1;
  rig.ledger->started(r);
  rig.report(0);
  rig.report(1);
  rig.ledger->unwanted(rig.echo_error(1, kDelay + 35ms));
  BOOST_TEST((rig.verdict() == kNone));
}

// The echo may have come first and been taken: its answer then found the port closed.
BOOST_AUTO_TEST_CASE(an_answer_that_is_unwanted_and_whose_echo_is_not_makes_nobody_certain) {
  for (const bool echo_too : {false, true}) {
    Rig rig;
    RaceStarted r = Rig::race();
    r.echo = 1;
    rig.ledger->started(r);
    rig.report(0);
    rig.report(1);
    rig.ledger->unwanted(rig.error(1, kDelay + 19ms));
    if (echo_too) rig.ledger->unwanted(rig.echo_error(1, kDelay + 20ms + 19ms));
    BOOST_TEST((rig.verdict() == std::pair(0, echo_too ? Certainty::certain : Certainty::likely)));
  }
}

BOOST_AUTO_TEST_CASE(an_echo_before_its_time_is_forged) {
  Rig rig;
  RaceStarted r = Rig::race();
  r.echo = 1;
  rig.ledger->started(r);
  rig.ledger->unwanted(rig.echo_error(1, kDelay + 9ms));
  BOOST_TEST(rig.ledger->counters().errors_early == 1U);
}

BOOST_AUTO_TEST_CASE(an_answer_that_failed_may_have_won_by_its_echo) {
  Rig rig;
  RaceStarted r = Rig::race({0, 1, 2});
  r.echo = 2;
  rig.ledger->started(r);
  rig.report(0);
  rig.report(1);
  rig.report(2, Reported::failed);
  rig.ledger->unwanted(rig.error(1, 45ms));
  BOOST_TEST((rig.verdict() == kNone));
}

BOOST_AUTO_TEST_CASE(a_shadow_has_no_winner) {
  Rig rig;
  RaceStarted r = Rig::race();
  r.shadow = true;
  rig.ledger->started(r);
  rig.ledger->unwanted(rig.error(1, 45ms));
  BOOST_TEST((rig.verdict() == kNone));
  BOOST_TEST(rig.done[0].shadow);
}

BOOST_AUTO_TEST_CASE(the_slave_that_was_asked_for_its_beacon_has_won_for_certain) {
  Rig rig;
  RaceStarted r = Rig::race();
  r.beacon = true;
  rig.ledger->started(r);
  rig.ledger->beacon(2, {9, Nanos(0), true});  // did not run
  rig.ledger->beacon(1, {8, Nanos(0), true});  // no such race
  rig.ledger->beacon(1, {9, Nanos(0), true});
  rig.ledger->beacon(1, {9, Nanos(0), true});
  const race::FinishedRace f = rig.end();
  BOOST_REQUIRE(f.verdict.has_value());
  BOOST_TEST(f.verdict->winner == 1U);
  BOOST_TEST((f.verdict->way == race::Way::beacon && f.verdict->certainty == Certainty::certain));
  BOOST_TEST(rig.ledger->counters().beacons_unknown == 2U);
  BOOST_TEST(rig.ledger->counters().verdicts[1][1] == 1U);
}

BOOST_AUTO_TEST_CASE(a_beacon_that_another_address_asks_for_is_likely) {
  Rig rig;
  RaceStarted r = Rig::race();
  r.beacon = true;
  rig.ledger->started(r);
  wire::Report report;
  report.beacon_wins = {{9, Nanos(0), false}};
  rig.ledger->report(1, report);
  const race::FinishedRace f = rig.end();
  BOOST_REQUIRE(f.verdict.has_value());
  BOOST_TEST(f.verdict->winner == 1U);
  BOOST_TEST((f.verdict->certainty == Certainty::likely));
}

BOOST_AUTO_TEST_CASE(two_beacons_of_one_race_or_one_that_was_not_ordered_are_no_verdict) {
  Rig rig;
  RaceStarted r = Rig::race();
  r.beacon = true;
  rig.ledger->started(r);
  rig.ledger->beacon(1, {9, Nanos(0), true});
  rig.ledger->beacon(0, {9, Nanos(0), true});
  BOOST_TEST((rig.verdict() == kNone));
  Rig plain;
  plain.ledger->started(Rig::race());
  plain.ledger->beacon(1, {9, Nanos(0), true});
  BOOST_TEST((plain.verdict() == kNone));
}

BOOST_AUTO_TEST_CASE(a_clients_word_makes_a_likely_verdict_with_a_margin) {
  Rig rig;
  rig.ledger->started(Rig::race({0, 1, 2}));
  for (std::uint16_t i = 0; i < 3; ++i) rig.report(i);
  BOOST_TEST(rig.ledger->client_report(Rig::seen({{1, 40ms}, {2, 47ms}, {0, 60ms}}), 77));
  const race::FinishedRace r = rig.end();
  BOOST_REQUIRE(r.verdict.has_value());
  BOOST_TEST(r.verdict->winner == 1U);
  BOOST_TEST((r.verdict->way == race::Way::client));
  BOOST_TEST((r.verdict->certainty == Certainty::likely));
  BOOST_TEST((r.verdict->margin == 7ms));
  BOOST_TEST(!r.verdict->within_error);
  BOOST_TEST((r.runners[0].arrival == 35ms));
  BOOST_TEST(rig.ledger->counters().clients_used == 1U);
}

BOOST_AUTO_TEST_CASE(what_others_tell_counts_more_than_the_client) {
  for (const bool beacon : {false, true}) {
    Rig rig;
    RaceStarted race = Rig::race();
    race.beacon = beacon;
    rig.ledger->started(race);
    rig.report(0);
    rig.report(1);
    BOOST_TEST(rig.ledger->client_report(Rig::seen({{1, 40ms}, {0, 47ms}}), 77));
    if (beacon) {
      rig.ledger->beacon(0, {9, Nanos(0), true});
    } else {
      rig.ledger->unwanted(rig.error(1, 45ms));
    }
    const race::FinishedRace r = rig.end();
    BOOST_REQUIRE(r.verdict.has_value());
    BOOST_TEST(r.verdict->winner == 0U);
    BOOST_TEST((r.verdict->way == (beacon ? race::Way::beacon : race::Way::icmp)));
  }
}

BOOST_AUTO_TEST_CASE(a_client_can_only_speak_of_its_own_race_and_once) {
  Rig rig;
  rig.ledger->started(Rig::race());
  rig.report(0);
  rig.report(1);
  const master::ClientReport good = Rig::seen({{1, 40ms}});
  master::ClientReport other = good;
  other.client.port = 4243;
  BOOST_TEST(!rig.ledger->client_report(other, 77));
  other = good;
  other.client.ip = *parse_ip("198.51.100.8");
  BOOST_TEST(!rig.ledger->client_report(other, 77));
  other = good;
  other.dns_id = 0x1235;
  BOOST_TEST(!rig.ledger->client_report(other, 77));
  BOOST_TEST(!rig.ledger->client_report(good, 78));
  BOOST_TEST(rig.ledger->client_report(good, 77));
  BOOST_TEST(!rig.ledger->client_report(Rig::seen({{0, 30ms}}), 77));
  BOOST_TEST(rig.ledger->counters().clients_unknown == 5U);
  BOOST_TEST((rig.verdict() == std::pair(1, Certainty::likely)));
}

BOOST_AUTO_TEST_CASE(what_cannot_have_arrived_makes_the_whole_report_worthless) {
  {
    Rig rig;  // before the instant
    rig.ledger->started(Rig::race());
    rig.report(0);
    rig.report(1);
    BOOST_TEST(rig.ledger->client_report(Rig::seen({{1, 2ms}, {0, 40ms}}), 77));
    BOOST_TEST(rig.ledger->counters().clients_early == 1U);
    BOOST_TEST((rig.verdict() == kNone));
  }
  {
    Rig rig;  // of a slave that did not send
    rig.ledger->started(Rig::race());
    rig.report(0);
    rig.report(1, Reported::dropped_late);
    BOOST_TEST(rig.ledger->client_report(Rig::seen({{1, 40ms}, {0, 50ms}}), 77));
    BOOST_TEST((rig.verdict() == kNone));
  }
  {
    Rig rig;  // of nobody's address
    rig.ledger->started(Rig::race());
    rig.report(0);
    rig.report(1);
    BOOST_TEST(rig.ledger->client_report(Rig::seen({{99, 40ms}}), 77));
    BOOST_TEST((rig.verdict() == kNone));
  }
  {
    Rig rig;  // of a race that nobody answered
    RaceStarted race = Rig::race();
    race.shadow = true;
    rig.ledger->started(race);
    BOOST_TEST(rig.ledger->client_report(Rig::seen({{1, 40ms}}), 77));
    BOOST_TEST((rig.verdict() == kNone));
  }
}

BOOST_AUTO_TEST_CASE(lost_records_void_the_races_that_they_may_have_spoken_of) {
  Rig rig;
  rig.ledger->started(Rig::race());
  rig.report(0);
  rig.report(1);
  rig.ledger->records_lost(3);
  rig.ledger->unwanted(rig.error(1, 45ms));
  BOOST_TEST((rig.verdict() == kNone));
  BOOST_TEST(rig.ledger->counters().records_lost == 3U);
}

BOOST_AUTO_TEST_CASE(reports_by_others_or_twice_change_nothing) {
  Rig rig;
  rig.ledger->started(Rig::race());
  rig.report(2);
  rig.report(0, Reported::refused);
  rig.report(0, Reported::sent);
  BOOST_TEST(rig.ledger->counters().reports_foreign == 2U);
  BOOST_TEST(rig.timings.size() == 1U);
  BOOST_TEST((rig.end().runners[0].fate == Fate::refused));
}

BOOST_AUTO_TEST_CASE(beyond_its_room_races_are_forgotten_and_counted_and_room_comes_back) {
  Rig rig(4);
  for (std::uint64_t i = 0; i < 6; ++i) {
    RaceStarted r = Rig::race({0, 1}, i);
    r.question = i;
    r.received += Nanos(1s) * static_cast<std::int64_t>(i) / 10;
    rig.ledger->started(r);
  }
  BOOST_TEST(rig.ledger->counters().forgotten == 2U);
  BOOST_TEST(rig.ledger->remembered() == 4U);
  rig.report(0, Reported::sent, 5);
  BOOST_TEST(rig.ledger->counters().reports_unknown == 1U);
  rig.ledger->advance(kStart + 3s + 150ms);
  BOOST_TEST(rig.done.size() == 2U);
  RaceStarted r = Rig::race({0, 1}, 7);
  rig.ledger->started(r);
  rig.report(0, Reported::sent, 7);
  BOOST_TEST(rig.timings.size() == 1U);
  rig.ledger->close();
  BOOST_TEST(rig.ledger->remembered() == 0U);
  BOOST_TEST(rig.ledger->counters().finished == 5U);
}

BOOST_AUTO_TEST_CASE(a_year_of_random_events_in_any_order_keeps_its_books) {
  Rig rig(100);
  SeededRandom random(11);
  MonoTime now = kStart;
  std::uint64_t id = 0;
  for (int i = 0; i < 50'000; ++i) {
    now += Nanos(static_cast<std::int64_t>(random.next() % 60'000'000));
    switch (random.next() % 6) {
      case 0:
      case 1: {
        RaceStarted r = Rig::race({0, 1, 2}, ++id);
        r.received = now;
        r.due = now + kDelay;
        r.question = random.next() % 40;
        r.echo = static_cast<std::uint8_t>(random.next() % 4);
        if (r.echo == 3) r.echo = master::kNoEcho;
        rig.ledger->started(r);
        break;
      }
      case 2:
        rig.report(static_cast<std::uint16_t>(random.next() % 4), static_cast<Reported>(random.next() % 6),
                   id - random.next() % 60);
        break;
      case 3: {
        AnswerUnwanted u = rig.error(static_cast<unsigned>(random.next() % 5), 0ms,
                                     29 + static_cast<std::uint32_t>(random.next() % 2));
        u.at = now;
        u.question = random.next() % 40;
        rig.ledger->unwanted(u);
        break;
      }
      case 4:
        rig.ledger->repeated({kClient.ip, random.next() % 40});
        break;
      case 5:
        rig.ledger->advance(now);
        break;
    }
  }
  rig.ledger->close();
  const master::LedgerCounters& c = rig.ledger->counters();
  BOOST_TEST(c.started == id);
  BOOST_TEST(c.finished + c.forgotten == c.started);
  BOOST_TEST(rig.done.size() == c.finished);
  BOOST_TEST(c.errors_used > 100U);
  BOOST_TEST(c.verdicts[0][0] + c.verdicts[0][1] > 10U);
}

BOOST_AUTO_TEST_CASE(an_acknowledged_segment_is_a_certain_verdict_with_the_time_until_then) {
  Rig rig;
  rig.ledger->started(Rig::race({0, 2}));
  rig.ledger->segment_won({9, kStart + kDelay + 30ms, 2});
  rig.report(0);
  rig.report(2);
  const auto r = rig.end();
  BOOST_REQUIRE(r.verdict);
  BOOST_TEST(r.verdict->winner == 2);
  BOOST_TEST((r.verdict->way == race::Way::tcp && r.verdict->certainty == Certainty::certain));
  BOOST_TEST((r.runners[1].arrival == 30ms));
  BOOST_TEST(!r.runners[0].arrival.has_value());
}

BOOST_AUTO_TEST_CASE(a_segment_that_was_never_sent_has_not_won) {
  for (const Reported fate :
       {Reported::dropped_late, Reported::refused, Reported::failed, Reported::withheld}) {
    Rig rig;
    rig.ledger->started(Rig::race({0, 1}));
    rig.ledger->segment_won({9, kStart + kDelay + 30ms, 1});
    rig.report(1, fate);
    BOOST_TEST(!rig.end().verdict);
  }
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_of_nobody_s_race_or_before_the_instant_is_counted_and_no_more) {
  Rig rig;
  rig.ledger->started(Rig::race({0, 1}));
  rig.ledger->segment_won({8, kStart + kDelay + 30ms, 1});
  rig.ledger->segment_won({9, kStart + kDelay + 30ms, 2});
  rig.ledger->segment_won({9, kStart, 1});
  BOOST_TEST(rig.ledger->counters().segments_unknown == 2U);
  BOOST_TEST(rig.ledger->counters().segments_early == 1U);
  rig.ledger->segment_won({9, kStart + kDelay + 30ms, 1});
  rig.ledger->segment_won({9, kStart + kDelay + 30ms, 0});
  BOOST_TEST(rig.ledger->counters().segments_unknown == 3U);
  BOOST_TEST(rig.end().verdict->winner == 1);
}

BOOST_AUTO_TEST_SUITE_END()
