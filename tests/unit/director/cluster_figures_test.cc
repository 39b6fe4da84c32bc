// Bindings by figures: pings, TCP round trips, rates.
#include <boost/test/unit_test.hpp>
#include <optional>

#include "director/cluster_book.hh"
#include "tests/unit/director/book_fixture.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace)

namespace {

constexpr auto kHost = "10.1.2.3/32";
constexpr auto kAddress = "10.1.2.3";

struct Fixture : BookFixture {
  void use(std::vector<Kind> kinds) {
    options.kinds = std::move(kinds);
    made.emplace(options, 3, random);
  }
  void say(Kind kind, const std::vector<double>& values) { figures(*made, kind, kHost, values); }
  [[nodiscard]] int bound() const { return server(*made, kAddress); }
  std::optional<ClusterBook> made;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cluster_figures, Fixture)

BOOST_AUTO_TEST_CASE(every_server_has_its_turn_before_an_address_is_bound) {
  use({Kind::ping});
  made->asked(ip(kAddress), now);
  BOOST_TEST(made->wanted(prefix(kHost)) == 0b111);
  made->measure({Kind::ping, prefix(kHost), kB, 0.020}, now);
  BOOST_TEST(made->wanted(prefix(kHost)) == 0b101);
  made->measure({Kind::ping, prefix(kHost), kA, 0.040}, now);
  BOOST_TEST(made->wanted(prefix(kHost)) == 0b100);
  BOOST_TEST(bound() == -1);
  made->measure({Kind::ping, prefix(kHost), kC, 0.010}, now);
  BOOST_TEST(made->wanted(prefix(kHost)) == 0);
  BOOST_TEST(bound() == kC);
  const Binding b = at(*made, kAddress);
  BOOST_REQUIRE(b.order.count == 3);
  BOOST_TEST(b.order.servers[1] == kB);
  BOOST_TEST(b.order.servers[2] == kA);
  BOOST_TEST(to_text(b.reason) == "bound: 1 of 1 ping figures, 10.0 ms before the next");
}

BOOST_AUTO_TEST_CASE(a_server_that_nobody_measures_is_not_waited_for_for_ever) {
  use({Kind::ping});
  say(Kind::ping, {0.020, 0.010});
  BOOST_TEST(bound() == -1);
  now += std::chrono::seconds(11);
  made->advance(now);
  BOOST_TEST(bound() == kB);
  BOOST_TEST(made->wanted(prefix(kHost)) == 0b100);
}

BOOST_AUTO_TEST_CASE(silence_is_worse_than_any_answer) {
  use({Kind::ping});
  say(Kind::ping, {0, 3.5, 0});
  BOOST_TEST(bound() == kB);
  BOOST_TEST(made->candidates(prefix(kHost))[1].silent);
  for (int i = 0; i < 9; ++i) say(Kind::ping, {2.5, 0.5, 0});
  say(Kind::ping, {2.5, 0, 0});
  say(Kind::ping, {2.5, 0, 0});
  BOOST_TEST(bound() == kB);
  say(Kind::ping, {2.5, 0, 0});  // three silences in a row
  BOOST_TEST(bound() == kA);
}

BOOST_AUTO_TEST_CASE(who_answers_nobody_is_not_bound) {
  use({Kind::ping});
  for (int i = 0; i < 9; ++i) say(Kind::ping, {0, 0, 0});
  BOOST_TEST(bound() == -1);
}

BOOST_AUTO_TEST_CASE(near_ties_keep_what_they_have) {
  use({Kind::ping});
  say(Kind::ping, {0.0200, 0.0210, 0.1});
  for (int i = 0; i < 40; ++i) say(Kind::ping, {0.0200, 0.0185, 0.1});  // 7.5 %
  BOOST_TEST(bound() == kA);
  for (int i = 0; i < 40; ++i) say(Kind::ping, {0.0200, 0.0170, 0.1});  // 15 %
  BOOST_TEST(bound() == kB);
  BOOST_TEST(made->counters().rebound.get() == 1);
}

BOOST_AUTO_TEST_CASE(a_large_share_of_nearly_nothing_is_no_gain) {
  use({Kind::ping});
  say(Kind::ping, {0.0008, 0.0009, 0.1});
  for (int i = 0; i < 40; ++i) say(Kind::ping, {0.0008, 0.0004, 0.1});  // half, but 0.4 ms
  BOOST_TEST(bound() == kA);
}

BOOST_AUTO_TEST_CASE(the_median_of_pings_does_not_follow_an_outlier) {
  use({Kind::ping});
  for (int i = 0; i < 9; ++i) say(Kind::ping, {i % 3 == 2 ? 2.0 : 0.020, 0.030, 0.1});
  BOOST_TEST(bound() == kA);
  BOOST_TEST(std::abs(made->candidates(prefix(kHost))[0].value[1] - 0.020) < 1e-6);
  BOOST_TEST(made->candidates(prefix(kHost))[0].pieces[1] == 9);
}

BOOST_AUTO_TEST_CASE(of_tcp_round_trips_the_minimum_counts) {
  use({Kind::tcp_rtt});
  say(Kind::tcp_rtt, {0.500, 0.090, 0.2});
  BOOST_TEST(bound() == kB);
  for (int i = 0; i < 3; ++i) say(Kind::tcp_rtt, {i == 1 ? 0.020 : 0.500, 0.090, 0.2});
  BOOST_TEST(bound() == kA);
  BOOST_TEST(std::abs(made->candidates(prefix(kHost))[0].value[2] - 0.020) < 1e-6);
}

BOOST_AUTO_TEST_CASE(of_rates_more_is_better) {
  use({Kind::tcp_rate});
  say(Kind::tcp_rate, {1e6, 5e6, 2e6});
  BOOST_TEST(bound() == kB);
  BOOST_TEST(to_text(at(*made, kAddress).reason) == "bound: 1 of 1 tcp-rate figures, 2.50 times the next");
  for (int i = 0; i < 20; ++i) say(Kind::tcp_rate, {1e6, 5e6, 5.2e6});
  BOOST_TEST(bound() == kB);
  for (int i = 0; i < 20; ++i) say(Kind::tcp_rate, {1e6, 5e6, 8e6});
  BOOST_TEST(bound() == kC);
}

BOOST_AUTO_TEST_CASE(the_first_kind_with_an_opinion_decides) {
  use({Kind::race, Kind::ping});
  say(Kind::ping, {0.020, 0.010, 0.030});
  BOOST_TEST(bound() == kB);
  wins(*made, kAddress, kC, 2);
  BOOST_TEST(bound() == kB);
  wins(*made, kAddress, kC);
  BOOST_TEST(bound() == kC);  // races are trusted more
  for (int i = 0; i < 9; ++i) say(Kind::ping, {0.020, 0.010, 0.030});
  BOOST_TEST(bound() == kC);
  const Order order = at(*made, kAddress).order;
  BOOST_REQUIRE(order.count == 3);
  now += std::chrono::hours(2);  // no race is remembered
  for (int i = 0; i < 9; ++i) say(Kind::ping, {0.020, 0.010, 0.030});
  BOOST_TEST(bound() == kB);
}

BOOST_AUTO_TEST_CASE(a_kind_that_is_not_configured_is_shown_and_does_not_bind) {
  use({Kind::ping});
  for (int i = 0; i < 5; ++i) say(Kind::tcp_rtt, {0.020, 0.010, 0.030});
  wins(*made, kAddress, kA, 5);
  BOOST_TEST(bound() == -1);
  const auto candidates = made->candidates(prefix(kHost));
  BOOST_REQUIRE(candidates.size() == 3);
  BOOST_TEST(candidates[1].pieces[2] == 5);
  BOOST_TEST(candidates[0].won > 9);
}

BOOST_AUTO_TEST_CASE(one_server_alone_is_bound_by_its_first_figure) {
  options.kinds = {Kind::ping};
  ClusterBook alone(options, 1, random);
  alone.measure({Kind::ping, prefix("10.1.2.0/24"), 0, 0.030}, now);
  BOOST_TEST(server(alone, kAddress) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
