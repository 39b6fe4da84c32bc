#include "master/tune_routes.hh"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using delay::NeedsTable;
using Json = nlohmann::json;

namespace {

constexpr std::uint64_t kInstance = 0xabcdef;

struct FakeClock final : Clock {
  [[nodiscard]] MonoTime mono() const override { return now; }
  [[nodiscard]] RealTime real() const override {
    return RealTime(std::chrono::seconds(1'763'000'000)) + now.time_since_epoch();
  }
  MonoTime now{1000s};
};

/// Two services; the columns of the first are nyc, ams: in the configuration's order.
struct Fixture {
  master::Config config;
  std::vector<std::string> names{"ams", "fra", "nyc"};
  FakeClock clock;
  std::optional<master::DelayControl> control;
  std::optional<master::TuneRoutes> routes;
  std::uint64_t race = 0;

  Fixture() {
    config.services.resize(2);
    config.services[0].name = "web";
    config.services[0].delay = Nanos(30ms);
    config.services[0].slaves = {{"nyc", {}}, {"ams", {}}};
    config.services[1].name = "mail";
    config.services[1].delay =
        delay::Follow{.on_time = 0.999, .nearest = 2, .at_least = 2ms, .at_most = 80ms};
    config.services[1].slaves = {{"fra", {}}};
    control.emplace(config, names);
    routes.emplace(config, *control, clock, kInstance);
  }
  void order(std::uint16_t slave, Nanos one_way) {
    const race::Fate fate = one_way > 30ms ? race::Fate::sent_late : race::Fate::sent;
    control->timed({race, 0, slave, fate, 30ms, 0ns, one_way, 400us}, clock.now);
  }
  /// Races of both slaves of web, one each 10 ms.
  void run(int races) {
    for (int i = 0; i < races; ++i, ++race) {
      clock.now += 10ms;
      order(2, 12ms);
      order(0, 5ms);
    }
  }
  static net::AdminRequest request(net::AdminRequest::Query query) {
    net::AdminRequest out;
    out.path = "/rows";
    out.query = std::move(query);
    return out;
  }
  struct Answer {
    delay::RowsReader reader;
    delay::RowsHeader header;
  };
  Answer rows(const std::string& after, const std::string& instance = "abcdef",
              const std::string& service = "web") {
    const auto reply =
        routes->rows(request({{"service", service}, {"after", after}, {"instance", instance}}));
    BOOST_REQUIRE_EQUAL(reply.status, 200);
    BOOST_TEST(reply.content_type == "application/x-ndjson");
    Answer out;
    bool cut = false;
    const Status good = delay::read_rows(reply.body, out.reader, cut);
    BOOST_REQUIRE_MESSAGE(good.ok(), (good ? "" : good.error()));
    BOOST_TEST(!cut);
    out.header = *out.reader.header();
    return out;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tune_routes, Fixture)

BOOST_AUTO_TEST_CASE(rows_come_with_their_header_in_the_configurations_order_of_slaves) {
  run(3);
  clock.now += 5s;
  const Answer got = rows("0", "0");
  BOOST_TEST(got.header.slaves == std::vector<std::string>({"nyc", "ams"}), boost::test_tools::per_element());
  BOOST_CHECK(got.header.delay == 30ms);
  BOOST_CHECK(got.header.bound == 400us);
  BOOST_TEST(got.header.instance == kInstance);
  BOOST_TEST(got.header.next == 3U);
  BOOST_TEST(got.header.missed == 0U);
  BOOST_TEST(!got.header.on_time);
  BOOST_REQUIRE(got.reader.table().races() == 3);
  BOOST_CHECK(got.reader.table().race(0)[0] == 12ms);
  BOOST_CHECK(got.reader.table().race(0)[1] == 5ms);
  // The races' own time, not that of the asking.
  BOOST_CHECK(clock.real() - got.reader.last() >= 5s);
  BOOST_CHECK(clock.real() - got.reader.last() < 5s + 2ms);
}

BOOST_AUTO_TEST_CASE(a_delay_that_follows_says_what_it_follows) {
  const Answer got = rows("0", "0", "mail");
  BOOST_TEST(got.header.on_time.value() == 0.999);
  BOOST_TEST(got.header.nearest == 2U);
  BOOST_TEST(got.reader.table().races() == 0U);
}

BOOST_AUTO_TEST_CASE(who_asks_again_gets_what_has_settled_since_and_nothing_twice) {
  run(100);
  clock.now += delay::Rows::kSettling - 500ms;  // the first half has settled
  const Answer first = rows("0", "0");
  BOOST_TEST(first.reader.table().races() > 30U);
  BOOST_TEST(first.reader.table().races() < 100U);
  clock.now += 5s;
  const Answer second = rows(std::to_string(first.header.next));
  BOOST_TEST(first.reader.table().races() + second.reader.table().races() == 100U);
  BOOST_TEST(second.header.missed == 0U);
  BOOST_TEST(rows(std::to_string(second.header.next)).reader.table().races() == 0U);
}

BOOST_AUTO_TEST_CASE(from_now_on_means_nothing_of_what_was) {
  run(100);
  clock.now += 5s;
  const Answer none = rows("now", "0");
  BOOST_TEST(none.reader.table().races() == 0U);
  BOOST_TEST(none.header.next == 100U);
  run(10);
  clock.now += 5s;
  BOOST_TEST(rows("100").reader.table().races() == 10U);
}

BOOST_AUTO_TEST_CASE(a_long_past_comes_in_pieces) {
  for (int i = 0; i < 90; ++i) run(100);
  clock.now += 5s;
  std::uint64_t after = 0, races = 0;
  for (int piece = 0; piece < 4; ++piece) {
    const Answer got = rows(std::to_string(after), after == 0 ? "0" : "abcdef");
    BOOST_TEST(got.reader.table().races() <= master::TuneRoutes::kMostRows);
    races += got.reader.table().races();
    after = got.header.next;
  }
  BOOST_TEST(races == delay::Rows::kMost);
  BOOST_TEST(after == 9000U);
}

BOOST_AUTO_TEST_CASE(what_was_forgotten_before_it_was_asked_for_is_counted) {
  run(10);
  clock.now += 5s;
  const std::uint64_t next = rows("0", "0").header.next;
  for (int i = 0; i < 90; ++i) run(100);
  clock.now += 5s;
  const Answer got = rows(std::to_string(next));
  BOOST_TEST(got.header.missed == 9010U - delay::Rows::kMost - next);
  BOOST_TEST(got.reader.missed() == got.header.missed);
}

BOOST_AUTO_TEST_CASE(numbers_of_another_process_mean_nothing_here) {
  run(10);
  clock.now += 5s;
  const Answer got = rows("123456", "77");
  BOOST_TEST(got.reader.table().races() == 10U);
  BOOST_TEST(got.header.missed == 0U);
  BOOST_TEST(got.header.instance == kInstance);
}

BOOST_AUTO_TEST_CASE(a_wrong_request_says_what_there_is) {
  const auto error = [](const net::AdminReply& reply) {
    return Json::parse(reply.body)["error"].get<std::string>();
  };
  const auto none = routes->rows(request({}));
  BOOST_TEST(none.status == 400);
  BOOST_TEST(error(none) == "which service? write /rows?service=NAME; there are: web, mail");
  const auto other = routes->tune(request({{"service", "dns"}}));
  BOOST_TEST(other.status == 404);
  BOOST_TEST(error(other) == "no service 'dns'; there are: web, mail");
  for (const char* after : {"", "-1", "1x", "99999999999999999999", "Now"})
    BOOST_TEST(routes->rows(request({{"service", "web"}, {"after", after}})).status == 400, after);
  BOOST_TEST(routes->rows(request({{"service", "web"}, {"instance", "xyz"}})).status == 400);
}

BOOST_AUTO_TEST_CASE(the_tune_is_computed_of_what_has_settled_and_kept_for_a_second) {
  run(1000);
  clock.now += 5s;
  const auto tune = [&] { return Json::parse(routes->tune(request({{"service", "web"}})).body); };
  const Json first = tune();
  BOOST_TEST(first["races"] == 1000);
  BOOST_TEST(first["recommended"]["delay_ms"] == 12.0);
  BOOST_TEST(first["delay_ms"] == 30.0);
  BOOST_TEST(first["nearest_known_from"] == 0);
  run(50);
  clock.now += 100ms;
  BOOST_TEST(tune()["races"] == 1000);
  clock.now += 5s;
  BOOST_TEST(tune()["races"] == 1050);
}

BOOST_AUTO_TEST_CASE(without_races_there_is_a_tune_without_a_recommendation) {
  const Json json = Json::parse(routes->tune(request({{"service", "mail"}})).body);
  BOOST_TEST(json["races"] == 0);
  BOOST_TEST(json["recommended"].is_null());
  BOOST_TEST(json["target"] == 0.999);
}

BOOST_AUTO_TEST_CASE(verdicts_weigh_the_slaves) {
  run(10);
  clock.now += 5s;
  race::FinishedRace won;
  won.client = {*parse_ip("192.0.2.7"), 4242};
  won.count = 2;
  won.runners[0].slave = 2;
  won.runners[0].fate = race::Fate::sent;
  won.runners[1].slave = 0;
  won.runners[1].fate = race::Fate::sent;
  won.verdict.emplace().winner = 0;
  routes->finished(won);
  won.service = 99;  // none of ours: no harm
  routes->finished(won);
  const Answer got = rows("0", "0");
  BOOST_TEST(got.header.weights == std::vector<double>({0, 1}), boost::test_tools::per_element());
  BOOST_TEST(got.header.networks == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
