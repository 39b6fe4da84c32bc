// The path of a query allocates nothing: parse, cookies, look-up and answer,
// counted over 10,000 queries of every kind. A program of its own, because it
// replaces the allocator.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "common/dns/front_end.hh"
#include "tests/source_path.hh"
#include "tests/unit/dns_path/allocation_count.hh"
#include "tests/unit/wire/dns_bytes.hh"

using flagfall::Bytes;
using flagfall::Endpoint;
using flagfall::SeededRandom;
using flagfall::dns::Cookies;
using flagfall::dns::FrontEnd;
using flagfall::dns::Transport;
using flagfall::dns::Zone;
using flagfall::test::allocations;
using flagfall::test::Octets;
using flagfall::test::Query;
namespace rr = flagfall::wire::rrtype;
using Action = FrontEnd::Result::Action;

namespace {

constexpr std::uint32_t kNow = 1'800'000'000;
constexpr std::uint16_t kCookie = 10;

std::vector<std::unique_ptr<Zone>> zones() {
  SeededRandom random(1);
  auto zone = Zone::load(flagfall::test::source_path("tests/unit/dns/example.zone"), "example.test",
                         {{"www.example.test", 0}, {"*.race.example.test", 1}}, random);
  if (!zone) throw std::runtime_error(zone.error());
  std::vector<std::unique_ptr<Zone>> out;
  out.push_back(std::move(*zone));
  return out;
}

/// One query of any kind: raced or not, there or not, plain, with EDNS, with cookies good and bad, broken.
Octets any_query(SeededRandom& random, const Cookies& cookies, const Endpoint& client) {
  static const std::vector<std::string> names{
      "www.example.test",     "WWW.eXample.test",     "example.test",
      "nowhere.example.test", "a1.example.test",      "www.child.example.test",
      "far.example.test",     "big.example.test",     "x.ent.example.test",
      "svc.example.test",     "x.y.dn.example.test",  "www.example.org",
      "loop1.example.test",   "signed.example.test",  ".",
      "b.star.example.test",  "dangling.example.test"};
  static const std::vector<std::uint16_t> types{rr::kA,    rr::kAaaa, rr::kA,   rr::kNs,  rr::kSoa,
                                                rr::kMx,   16,        rr::kAny, rr::kDs,  rr::kSrv,
                                                rr::kAxfr, rr::kIxfr, 65280,    rr::kOpt, rr::kHttps};
  Query q;
  const auto pick = random.next() % (names.size() + 8);
  q.name =
      pick < names.size() ? names[pick] : "q" + std::to_string(random.next() % 100000) + ".race.example.test";
  q.type = q.name == "big.example.test" ? std::uint16_t{16} : types[random.next() % types.size()];
  q.edns = random.next() % 2 == 0;
  q.size = static_cast<std::uint16_t>(random.next() % 3 == 0 ? 512 : 4096);
  if (random.next() % 20 == 0) q.version = 1;
  if (random.next() % 20 == 0) q.flags = 0x2800;
  if (random.next() % 20 == 0) q.klass = 3;
  if (random.next() % 3 == 0) q.option(3, {});
  if (random.next() % 5 == 0) q.option(8, flagfall::test::hex("00011800c00002"));
  if (random.next() % 3 == 0) {
    const Cookies::Client mine{1, 2, 3, 4, 5, 6, 7, 8};
    Octets cookie(mine.begin(), mine.end());
    const auto age = static_cast<std::uint32_t>(random.next() % 7200);
    if (random.next() % 3 != 0) flagfall::test::put(cookie, cookies.make(mine, client.ip, kNow - age));
    if (random.next() % 8 == 0) cookie.pop_back();
    q.option(kCookie, cookie);
  }
  Octets bytes = q.bytes();
  if (random.next() % 20 == 0) bytes.resize(random.next() % bytes.size());
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_path)

BOOST_AUTO_TEST_CASE(the_count_sees_every_allocation) {
  const auto before = allocations();
  // Through a volatile pointer, so that the compiler may not leave them out.
  // NOLINTBEGIN(*-owning-memory,*-no-malloc): what is counted here
  void* volatile block = new int(1);
  delete static_cast<int*>(block);
  block = std::malloc(100);
  std::free(block);
  // NOLINTEND(*-owning-memory,*-no-malloc)
  const Octets vector(1000);
  block = const_cast<std::uint8_t*>(vector.data());  // NOLINT(*-const-cast)
  BOOST_TEST(allocations() - before >= 3U);
}

BOOST_AUTO_TEST_CASE(ten_thousand_queries_allocate_nothing) {
  const auto served = zones();
  const Cookies cookies({Cookies::Secret{1}, Cookies::Secret{2}});
  FrontEnd front(served, cookies, {.nsid = "site-a"});
  const Endpoint client{*flagfall::parse_ip("2001:db8::77"), 4711};
  SeededRandom random(42);
  std::vector<Octets> queries;
  queries.reserve(10'000);
  for (int i = 0; i < 10'000; ++i) queries.push_back(any_query(random, cookies, client));
  Octets room(65535);
  flagfall::wire::DnsQuery query;

  std::size_t silent = 0, raceable = 0, answered = 0;
  const auto before = allocations();
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const Transport transport = i % 10 == 0 ? Transport::tcp : Transport::udp;
    const auto result = front.handle(queries[i], client, transport, kNow, query, room);
    if (result.action == Action::silence) ++silent;
    if (result.action == Action::answer) ++answered;
    if (result.action != Action::race) continue;
    ++raceable;
    (void)front.ordinary(query, result, transport, room);
  }
  const auto after = allocations();
  BOOST_TEST(after - before == 0U);
  // The mix was one: every kind came by, often.
  BOOST_TEST(silent > 10U);
  BOOST_TEST(raceable > 500U);
  BOOST_TEST(answered > 5000U);
  front.counters().for_each([](const char* name, const flagfall::Counter& counter) {
    BOOST_TEST(counter.get() > 10U, name << " is " << counter.get());
  });
}

BOOST_AUTO_TEST_SUITE_END()
