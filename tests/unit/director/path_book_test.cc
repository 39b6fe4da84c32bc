// Policy composite as a service's director has it: pings through borders, capacities and loads come in;
// orders with borders come out, and follow each of them.
#include "director/path_book.hh"

#include <boost/test/unit_test.hpp>
#include <map>

#include "director/service_director.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;

namespace {

IpAddress ip(const char* text) {
  return *parse_ip(text);
}

SiteConfig site(const char* name) {
  SiteConfig out;
  out.name = name;
  out.borders.emplace_back().name = std::string(name) + "-out";
  return out;
}

/// Sites a, b with a server each, c with a border alone; 1 ms between any two. Server 0 has addresses for the
/// borders of a and c, server 1 for those of b and c. Requests come in at a.
PathOptions options() {
  const std::vector<SiteConfig> sites{site("a"), site("b"), site("c")};
  std::vector<InternalConfig> internal;
  for (const auto& [x, y] : {std::pair("a", "b"), {"a", "c"}, {"b", "c"}})
    internal.push_back({.between = {x, y}, .delay = 1ms, .back = {}});
  PathOptions out;
  out.network = Network(sites, internal);
  out.servers = {{0, {0, 2}}, {1, {1, 2}}};
  return out;
}

struct Rig {
  SeededRandom random{7};
  ServiceDirector director;
  MonoTime now{Nanos(1000s)};

  explicit Rig(std::vector<Capacity> capacities = {}, BookOptions book = {})
      : director(with(std::move(capacities), std::move(book)), 2, random) {}
  static ServiceOptions with(std::vector<Capacity> capacities, BookOptions book) {
    ServiceOptions out;
    out.policies = {Policy::composite};
    out.capacities = std::move(capacities);
    out.book = std::move(book);
    out.paths = options();
    return out;
  }
  void step(Nanos by = 250ms) {
    now += by;
    (void)director.advance(now);
  }
  /// Round trips through the borders of a, b and c in milliseconds; 0: silence.
  void ping(const char* client, std::initializer_list<double> round_trips, int times = 1) {
    for (int i = 0; i < times; ++i) {
      BorderIndex border = 0;
      for (const double ms : round_trips)
        director.ping_through(border++, {.about = {ip(client), 32}, .value = ms / 1e3, .silent = ms == 0},
                              now);
      step();
    }
  }
  void load(ServerIndex server, double connections) {
    director.load(server, {.open_connections = connections, .cpu_idle = 0.5, .at = now});
  }
  [[nodiscard]] Decision decide(const char* client) const { return director.view()->decide(ip(client)); }
  /// Shares of who leads.
  [[nodiscard]] std::map<int, int> leads(const char* client, int times = 4000) const {
    SeededRandom lots(1);
    std::map<int, int> out;
    const Decision d = decide(client);
    for (int i = 0; i < times; ++i) ++out[director.view()->line_up(d.order, 0b11, 1, lots, d.spare).best()];
    return out;
  }
};

constexpr const char* kClient = "198.51.100.7";

}  // namespace

BOOST_AUTO_TEST_SUITE(path_book)

BOOST_AUTO_TEST_CASE(nobody_is_preferred_before_there_are_pings) {
  Rig rig;
  rig.director.asked(ip(kClient), 1, rig.now);
  rig.step();
  BOOST_TEST(rig.decide(kClient).order.empty());
}

BOOST_AUTO_TEST_CASE(the_best_pair_answers_with_its_border) {
  Rig rig;
  rig.ping(kClient, {20, 60, 80});
  // a: 2 * 10 + in 10; b: 2 * 30 + 10 + 1.
  BOOST_TEST(rig.decide(kClient).order.best() == 0);
  BOOST_TEST(unsigned{rig.decide(kClient).order.group} == 1U);
  BOOST_TEST(unsigned{rig.decide(kClient).ways[0]} == 1U);  // border 0, counted from 1
  BOOST_TEST(rig.decide(kClient).spare);
}

BOOST_AUTO_TEST_CASE(a_site_without_a_server_lends_its_border_to_the_servers_that_have_an_address_for_it) {
  Rig rig;
  rig.ping(kClient, {60, 60, 10});
  const Decision d = rig.decide(kClient);
  // Both through c: 2 * 5 + 2 * 1 + 30, and 1 more for b: within 5 %.
  BOOST_TEST(unsigned{d.order.group} == 2U);
  BOOST_TEST(unsigned{d.ways[0]} == 3U);
  BOOST_TEST(unsigned{d.ways[1]} == 3U);
}

BOOST_AUTO_TEST_CASE(the_order_follows_new_pings_although_the_best_border_stays) {
  Rig rig;
  rig.ping(kClient, {60, 60, 10}, 3);
  BOOST_TEST(unsigned{rig.decide(kClient).order.group} == 2U);
  // c is still the border with the least ping, so nothing is bound anew; but now a's own is as good for it.
  rig.ping(kClient, {11, 60, 10}, 20);
  const Decision d = rig.decide(kClient);
  BOOST_TEST(d.order.best() == 0);
  BOOST_TEST(unsigned{d.order.group} == 1U);
  BOOST_TEST(unsigned{d.ways[0]} == 1U);
}

BOOST_AUTO_TEST_CASE(a_border_that_is_silent_is_no_way_and_its_servers_take_their_next_one) {
  Rig rig;
  rig.ping(kClient, {60, 80, 10}, 3);
  rig.ping(kClient, {60, 80, 0}, 3);
  const Decision d = rig.decide(kClient);
  BOOST_TEST(d.order.best() == 0);
  BOOST_TEST(unsigned{d.ways[0]} == 1U);
  BOOST_TEST(unsigned{d.ways[1]} == 2U);
  rig.ping(kClient, {0, 0, 0}, 3);
  BOOST_TEST(rig.decide(kClient).order.empty());
}

BOOST_AUTO_TEST_CASE(servers_as_near_share_by_capacity_and_load_and_a_full_one_gets_nobody) {
  Rig rig({{.weight = 3, .connections = 100}, {.weight = 1, .connections = 100}});
  rig.ping(kClient, {60, 60, 10});
  rig.load(0, 0);
  rig.load(1, 0);
  rig.step(1s);
  BOOST_TEST(std::abs(rig.leads(kClient)[0] - 3000) < 150);
  rig.load(0, 90);
  rig.step(1s);
  BOOST_TEST(std::abs(rig.leads(kClient)[0] - 923) < 150);  // 3 * 0.1 against 1
  rig.load(0, 100);
  rig.step(1s);
  BOOST_TEST(rig.leads(kClient)[0] == 0);
  BOOST_TEST(rig.decide(kClient).order.best() == 1);
  rig.load(1, 120);
  rig.step(1s);
  BOOST_TEST(std::abs(rig.leads(kClient)[0] - 3000) < 150);  // all busy: by capacity
  rig.load(0, 0);
  rig.load(1, 0);
  rig.step(1s);
  BOOST_TEST(std::abs(rig.leads(kClient)[0] - 3000) < 150);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_not_fit_is_in_no_order) {
  Rig rig;
  rig.ping(kClient, {20, 60, 80});
  rig.director.set_fit(bit(1));
  rig.step();
  BOOST_TEST(rig.decide(kClient).order.best() == 1);
  BOOST_TEST(!rig.decide(kClient).order.has(0));
  rig.director.set_fit(bit(0) | bit(1));
  rig.step();
  BOOST_TEST(rig.decide(kClient).order.best() == 0);
}

BOOST_AUTO_TEST_CASE(two_networks_have_their_own_paths_and_what_the_book_drops_is_forgotten) {
  BookOptions few;
  few.most = 4;
  Rig rig({}, few);
  rig.ping("198.51.100.7", {20, 60, 80});
  rig.ping("203.0.113.7", {60, 20, 80});
  BOOST_TEST(rig.decide("198.51.100.7").order.best() == 0);
  BOOST_TEST(rig.decide("203.0.113.7").order.best() == 1);
  for (int i = 0; i < 8; ++i) rig.ping(("10." + std::to_string(i) + ".0.1").c_str(), {60, 20, 80});
  for (int i = 0; i < 8; ++i) rig.step();
  BOOST_TEST(rig.decide("198.51.100.7").order.empty());
  BOOST_TEST(rig.director.paths()->book().size() <= 4U);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused) {
  Rig rig;
  rig.director.ping_through(9, {.about = {ip(kClient), 32}, .value = 0.01}, rig.now);
  rig.director.ping_through(0, {.about = {ip(kClient), 32}, .value = -1}, rig.now);
  rig.director.ping_through(0, {.about = {ip(kClient), 32}, .value = 1e9}, rig.now);
  rig.step();
  BOOST_TEST(rig.decide(kClient).order.empty());
  BOOST_TEST(rig.director.paths()->book().counters().refused.get() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
