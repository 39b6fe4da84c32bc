// A model world: each /20 has a server that is best for it, races are noisy; what the book makes of it.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

#include "director/cluster_book.hh"
#include "tests/unit/director/book_fixture.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace)

namespace {

constexpr unsigned kNets = 24;            // /16s
constexpr unsigned kPlaces = kNets * 16;  // /20s
constexpr std::size_t kServers = 4;

struct World : BookFixture {
  SeededRandom world{20};
  std::array<ServerIndex, kPlaces> best{};
  double noise = 0.1;  // another one wins
  ClusterBook learned{options, kServers, random};

  /// A third of the /16s lie at one place altogether, a third in quarters, a third in /20s.
  World() {
    for (unsigned p = 0; p < kPlaces; ++p) {
      const unsigned net = p / 16;
      const bool fresh = net % 3 == 0 ? p % 16 == 0 : net % 3 == 1 ? p % 4 == 0 : true;
      best.at(p) = fresh ? static_cast<ServerIndex>(world.next() % kServers) : best.at(p - 1);
    }
  }
  static IpAddress address(std::uint64_t place, std::uint64_t lot) {
    return ip_from_bytes(std::array<std::uint8_t, 4>{10, static_cast<std::uint8_t>(place / 16),
                                                     static_cast<std::uint8_t>(place % 16 * 16 + lot % 16),
                                                     static_cast<std::uint8_t>(lot >> 8)});
  }
  /// As the director does: who is learning races, of the bound one request in twenty.
  void ask(unsigned place) {
    const IpAddress client = address(place, world.next());
    learned.asked(client, now);
    Binding found;
    learned.find(client, found);
    if (!found.order.empty() && world.next() % 20 != 0) return;
    Win win;
    win.client = client;
    win.winner = best.at(place);
    if (world.unit() < noise) win.winner = static_cast<ServerIndex>(world.next() % kServers);
    win.losers = 0b1111 & ~bit(win.winner);
    win.certainty = race::Certainty::certain;
    learned.win(win, now);
  }
  void live(int requests) {
    for (int i = 0; i < requests; ++i) {
      now += std::chrono::milliseconds(4);
      ask(static_cast<unsigned>(world.next() % kPlaces));
      if (i % 64 == 0) learned.advance(now);
    }
  }
  [[nodiscard]] double right() const {
    unsigned hits = 0;
    for (unsigned p = 0; p < kPlaces; ++p)
      for (std::uint64_t lot = 0; lot < 16; ++lot) {
        Binding found;
        if (learned.find(address(p, lot), found) && !found.order.empty() && found.order.best() == best.at(p))
          ++hits;
      }
    return hits / (kPlaces * 16.0);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cluster_world, World)

BOOST_AUTO_TEST_CASE(nearly_all_addresses_are_bound_to_their_best_server_by_few_clusters) {
  live(400'000);
  const auto& c = learned.counters();
  BOOST_TEST_MESSAGE("right " << right() << ", clusters " << learned.size() << ", wins " << c.wins.get()
                              << ", rebound " << c.rebound.get() << ", split " << c.split.get() << ", merged "
                              << c.merged.get());
  BOOST_TEST(right() >= 0.95);
  // What the world needs at least: a cluster wherever the server changes.
  unsigned borders = kNets;
  for (unsigned p = 1; p < kPlaces; ++p)
    if (p % 16 != 0 && best.at(p) != best.at(p - 1)) ++borders;
  BOOST_TEST(learned.size() <= borders + kNets);
  const auto flaps = c.rebound.get() + c.merged.get();
  live(400'000);
  BOOST_TEST(right() >= 0.95);
  BOOST_TEST_MESSAGE("right " << right() << ", clusters " << learned.size() << ", wins " << c.wins.get()
                              << ", rebound " << c.rebound.get() << ", split " << c.split.get() << ", merged "
                              << c.merged.get());
  // Nothing has changed in the world: 20,000 races of it, and hardly a change here.
  BOOST_TEST(c.rebound.get() + c.merged.get() - flaps <= 20);
  BOOST_TEST(learned.size() <= borders + kNets);
}

BOOST_AUTO_TEST_CASE(a_world_without_places_is_hardly_torn_apart) {
  noise = 1;  // any server wins
  live(100'000);
  BOOST_TEST_MESSAGE("clusters " << learned.size() << ", rebound " << learned.counters().rebound.get()
                                 << ", split " << learned.counters().split.get() << ", merged "
                                 << learned.counters().merged.get() << ", wins "
                                 << learned.counters().wins.get());
  BOOST_TEST(learned.size() <= 4 * kNets);  // chance looks like places now and then
}

BOOST_AUTO_TEST_CASE(when_a_server_is_cut_off_all_its_places_go_elsewhere) {
  live(400'000);
  for (ServerIndex& b : best)
    if (b == 0) b = 3;
  live(200'000);
  BOOST_TEST_MESSAGE("right " << right());
  BOOST_TEST(right() >= 0.95);
}

BOOST_AUTO_TEST_CASE(a_million_spoofed_prefixes_evict_only_learning_ones) {
  options.most = 20'000;
  ClusterBook small(options, 3, random);
  for (int i = 0; i < 50; ++i) {
    const std::string net = "10." + std::to_string(i) + ".1.1";
    wins(small, net, kA, 3);
  }
  small.bind(prefix("192.0.2.0/24"), Order::of(kB), now);
  small.take_changes();
  SeededRandom lot(3);
  for (int i = 0; i < 1'000'000; ++i) {
    IpAddress spoofed{{}, Family::v6};
    for (std::size_t o = 0; o < 8; ++o) spoofed.octets.at(o) = static_cast<std::uint8_t>(lot.next());
    small.asked(spoofed, now);
  }
  BOOST_TEST(small.size() == 20'000);
  BOOST_TEST(small.counters().evicted.get() > 970'000);
  BOOST_TEST(small.take_changes().empty());
  for (int i = 0; i < 50; ++i) BOOST_TEST(server(small, "10." + std::to_string(i) + ".9.9") == kA);
  BOOST_TEST(server(small, "192.0.2.7") == kB);
}

BOOST_AUTO_TEST_CASE(at_the_ceiling_the_longest_unasked_go_and_an_operators_word_never) {
  options.most = 4;
  ClusterBook tiny(options, 3, random);
  tiny.bind(prefix("192.0.2.0/24"), Order::of(kB), now);
  wins(tiny, "10.1.1.1", kA, 3);
  wins(tiny, "10.2.1.1", kA, 3);
  wins(tiny, "10.3.1.1", kA, 3);
  now += std::chrono::minutes(1);
  tiny.asked(ip("10.1.1.1"), now);
  wins(tiny, "10.4.1.1", kC, 3);
  BOOST_TEST(server(tiny, "10.1.1.1") == kA);
  BOOST_TEST(server(tiny, "10.2.1.1") == -1);
  BOOST_TEST(server(tiny, "10.4.1.1") == kC);
  BOOST_TEST(server(tiny, "192.0.2.1") == kB);
  for (const char* where : {"10.10.0.0/16", "10.11.0.0/16", "10.12.0.0/16", "10.13.0.0/16"})
    BOOST_TEST(tiny.bind(prefix(where), Order::of(kA), now) == (std::string_view(where) != "10.13.0.0/16"));
  BOOST_TEST(tiny.size() == 4);
  BOOST_TEST(tiny.counters().refused.get() == 1);  // no place for the last one
  wins(tiny, "10.20.1.1", kC, 3);
  BOOST_TEST(server(tiny, "10.20.1.1") == -1);
  BOOST_TEST(tiny.counters().refused.get() == 4);
}

/// Whatever is done to it, the book is what a slow and simple model says: the most specific binding that was
/// told holds.
BOOST_AUTO_TEST_CASE(the_changes_told_are_what_find_says) {
  options.most = 24;
  options.forget = std::chrono::minutes(20);
  ClusterBook odd(options, 3, random);
  std::map<Prefix, Binding> told;
  SeededRandom lot(9);
  const auto address = [&] {
    return ip_from_bytes(std::array<std::uint8_t, 4>{10, static_cast<std::uint8_t>(lot.next() % 24),
                                                     static_cast<std::uint8_t>(lot.next()),
                                                     static_cast<std::uint8_t>(lot.next())});
  };
  for (int i = 0; i < 60'000; ++i) {
    now += std::chrono::milliseconds(lot.next() % 900);
    const IpAddress who = address();
    const auto length = static_cast<std::uint8_t>(6 + lot.next() % 27);
    const Prefix where{masked(who, length), length};
    switch (lot.next() % 64) {
      case 0:
        odd.bind(where, Order::of(static_cast<ServerIndex>(lot.next() % 3)), now);
        break;
      case 1:
      case 2:
        odd.unbind(where, now);
        break;
      case 3: {
        Binding b{where, Order::of(static_cast<ServerIndex>(lot.next() % 3)), {}, now, now};
        b.reason = {lot.next() % 8 == 0 ? Cause::by_hand : Cause::bound, Kind::race, 3, 3, 0};
        odd.restore(b, now);
        break;
      }
      case 4:
        odd.advance(now);
        break;
      case 5:
        odd.asked(who, now);
        break;
      default: {
        Win win = won(to_string(who), static_cast<ServerIndex>((who.octets[1] + who.octets[2] / 64) % 3));
        win.losers &= lot.next() | 1;
        win.losers &= ~bit(win.winner);
        odd.win(win, now);
      }
    }
    // Whatever an operator said of late is taken back, so that there is place to learn.
    if (i % 2000 == 1999) {
      std::vector<Prefix> all;
      odd.for_each([&](const Binding& b) {
        if (b.reason.cause == Cause::by_hand) all.push_back(b.prefix);
      });
      for (const Prefix& p : all) BOOST_TEST(odd.unbind(p, now));
    }
    for (const Change& change : odd.take_changes()) {
      if (change.gone) {
        BOOST_TEST(told.erase(change.binding.prefix) == 1);
      } else {
        told[change.binding.prefix] = change.binding;  // with an empty order: learning, inside another
      }
    }
    BOOST_REQUIRE(odd.size() <= 25);
    const IpAddress any = address();
    const Binding* expected = nullptr;
    for (const auto& [p, b] : told)
      if (p.contains(any) && (expected == nullptr || p.length > expected->prefix.length)) expected = &b;
    Binding found;
    odd.find(any, found);
    BOOST_REQUIRE_EQUAL(found.order.empty() ? -1 : found.order.best(),
                        expected == nullptr || expected->order.empty() ? -1 : expected->order.best());
  }
  std::size_t bound = 0;
  odd.for_each([&](const Binding& b) { bound += b.order.empty() ? 0 : 1; });
  BOOST_TEST(bound == static_cast<std::size_t>(std::ranges::count_if(
                          told, [](const auto& t) { return !t.second.order.empty(); })));
  BOOST_TEST(odd.counters().split.get() > 10);
  BOOST_TEST(odd.counters().merged.get() > 0);
  BOOST_TEST(odd.counters().evicted.get() > 100);
}

BOOST_AUTO_TEST_SUITE_END()
