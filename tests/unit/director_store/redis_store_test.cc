#include "director/store/redis_store.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <vector>

#include "director/store/both_stores.hh"
#include "director/store/sqlite_store.hh"
#include "tests/unit/director_store/folder.hh"
#include "tests/unit/director_store/real_redis.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace)

namespace {

/// A master: a store, and what it has told.
struct Master {
  std::unique_ptr<Store> store;
  Known known;

  Master(const RedisAddress& address, std::uint64_t id, const std::string& file = {},
         Nanos patience = std::chrono::seconds(2)) {
    RedisOptions options;
    options.address = address;
    options.master = id;
    options.pause = std::chrono::milliseconds(50);
    options.patience = patience;
    if (file.empty()) {
      store = std::make_unique<RedisStore>(options);
    } else {
      SqliteOptions own;
      own.path = file;
      own.flush = std::chrono::milliseconds(20);
      store = std::make_unique<BothStores>(std::make_unique<SqliteStore>(own),
                                           std::make_unique<RedisStore>(options));
    }
    BOOST_REQUIRE(eventually([&] {
      known.add(store->take(1000));
      return store->restored();
    }));
  }
  void put(const StoredChanges& changes) {
    known.add(changes);
    store->put(changes);
  }
  void look() {
    known.add(store->take(1000));
    if (!store->needs_all()) return;
    StoredChanges all;
    for (const auto& [key, binding] : known.bindings) all.bindings.push_back({binding, false});
    for (const auto& [key, drain] : known.drains) all.drains.push_back(drain);
    store->put(std::move(all));
  }
};

bool agree(Master& a, Master& b) {
  return eventually([&] {
    a.look();
    b.look();
    return a.known.bindings == b.known.bindings && a.known.drains == b.known.drains;
  });
}

/// What a test that hangs its server waits for a reply.
constexpr Nanos kImpatient = std::chrono::milliseconds(300);

struct Fixture {
  Folder folder;
  RealRedis redis{folder};
  [[nodiscard]] std::string file(const std::string& name) const { return (folder.path / name).string(); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(redis_store, Fixture)

BOOST_AUTO_TEST_CASE(what_one_master_learns_the_other_knows_within_a_second) {
  Master a(redis.address(), 1);
  Master b(redis.address(), 2);
  StoredChange v6 = by_hand("2001:db8::/32", "nyc", 3);
  v6.binding.group = 2;
  a.put({{bound("192.0.2.0/24"), v6}, {drained("fra", 1)}});
  BOOST_TEST(agree(a, b));
  BOOST_TEST(b.known.bindings.size() == 2U);
  BOOST_TEST((b.known.bindings["web 2001:db8::/32 by hand"] == v6.binding));
  b.put({{gone(bound("192.0.2.0/24"), 9)}, {}});
  BOOST_TEST(agree(a, b));
  BOOST_TEST(a.known.bindings.size() == 1U);
  // By the median: a machine that is busy for a moment is no fault of theirs.
  std::vector<Nanos> took;
  for (std::uint32_t n = 0; n < 9; ++n) {
    const MonoTime begin = SystemClock().mono();
    (n % 2 == 0 ? a : b).put({{nth(n)}, {}});
    BOOST_TEST(agree(a, b));
    took.push_back(SystemClock().mono() - begin);
  }
  std::ranges::nth_element(took, took.begin() + 4);
  BOOST_TEST((took[4] < std::chrono::seconds(1)));
  BOOST_TEST(a.store->health().why_not.empty());
  BOOST_TEST(a.store->health().wrong == 0U);
}

BOOST_AUTO_TEST_CASE(a_master_that_starts_knows_what_the_others_know) {
  {
    Master a(redis.address(), 1);
    for (std::uint32_t n = 0; n < 5000; n += 1000) {
      StoredChanges many;
      for (std::uint32_t i = n; i < n + 1000; ++i) many.bindings.push_back(nth(i));
      a.put(many);
    }
  }
  Master a(redis.address(), 1);
  Master b(redis.address(), 2);
  BOOST_TEST(a.known.bindings.size() == 5000U);
  BOOST_TEST(b.known.bindings.size() == 5000U);
}

BOOST_AUTO_TEST_CASE(the_later_one_wins_wherever_it_is_written_and_in_whatever_order) {
  Master a(redis.address(), 1);
  Master b(redis.address(), 2);
  a.put({{bound("192.0.2.0/24", "fra", 20)}, {}});
  b.put({{bound("192.0.2.0/24", "nyc", 10)}, {}});
  BOOST_TEST(agree(a, b));
  BOOST_TEST(a.known.server_of("192.0.2.0/24") == "fra");
  a.put({{bound("198.51.100.0/24", "fra", 5)}, {}});
  b.put({{bound("198.51.100.0/24", "nyc", 5)}, {}});
  BOOST_TEST(agree(a, b));
  BOOST_TEST(a.known.server_of("198.51.100.0/24") == "nyc");  // at the same time: the greater id
}

BOOST_AUTO_TEST_CASE(an_operators_word_is_not_undone_by_what_another_master_learns) {
  Master a(redis.address(), 1);
  Master b(redis.address(), 2);
  a.put({{by_hand("192.0.2.0/24", "nyc", 5)}, {}});
  b.put({{bound("192.0.2.0/24", "fra", 9)}, {}});
  BOOST_TEST(agree(a, b));
  BOOST_TEST(a.known.bindings.size() == 2U);
  a.put({{gone(by_hand("192.0.2.0/24", "nyc"), 10)}, {}});
  BOOST_TEST(agree(a, b));
  BOOST_TEST(b.known.bindings.size() == 1U);
  BOOST_TEST(b.known.server_of("192.0.2.0/24") == "fra");
}

BOOST_AUTO_TEST_CASE(without_the_server_each_goes_on_alone_and_they_agree_when_it_is_back) {
  Master a(redis.address(), 1);
  Master b(redis.address(), 2);
  a.put({{bound("192.0.2.0/24", "fra", 1)}, {}});
  BOOST_TEST(agree(a, b));
  redis.end();
  BOOST_TEST(eventually([&] { return !a.store->health().why_not.empty(); }));
  a.put({{bound("192.0.2.0/24", "sea", 5), nth(1)}, {}});
  b.put({{bound("192.0.2.0/24", "nyc", 7), nth(2)}, {drained("fra", 7)}});
  BOOST_TEST(a.store->ready());
  BOOST_TEST(a.known.server_of("192.0.2.0/24") == "sea");
  redis.start();  // it has forgotten everything
  BOOST_TEST(agree(a, b));
  BOOST_TEST(a.known.bindings.size() == 3U);
  BOOST_TEST(a.known.server_of("192.0.2.0/24") == "nyc");
  BOOST_TEST(eventually([&] { return a.store->health().opened && a.store->health().why_not.empty(); }));
  Master c(redis.address(), 3);
  BOOST_TEST((c.known.bindings == a.known.bindings));
}

BOOST_AUTO_TEST_CASE(a_server_that_has_lost_everything_gets_it_again) {
  Master a(redis.address(), 1);
  for (std::uint32_t n = 0; n < 3000; n += 1000) {
    StoredChanges many;
    for (std::uint32_t i = n; i < n + 1000; ++i) many.bindings.push_back(nth(i));
    a.put(many);
  }
  BOOST_TEST(eventually([&] { return a.store->health().kept == 3000U; }));
  redis.ask({"FLUSHALL"});
  BOOST_TEST(eventually([&] {
    a.look();
    return redis.ask({"HLEN", "flagfall:records"}) == "3000";
  }));
}

BOOST_AUTO_TEST_CASE(what_the_server_did_after_its_reply_was_given_up_is_kept_and_counted) {
  Master a(redis.address(), 1, {}, kImpatient);
  redis.send(SIGSTOP);
  StoredChanges many;
  for (std::uint32_t i = 0; i < 1000; ++i) many.bindings.push_back(nth(i));
  a.put(many);
  BOOST_TEST(eventually([&] { return !a.store->health().why_not.empty(); }));
  BOOST_TEST(a.store->health().kept == 0U);
  redis.send(SIGCONT);  // it finds the first of them in a connection that is closed, and does them
  BOOST_TEST(eventually([&] { return a.store->health().kept == 1000U; }));
  BOOST_TEST(redis.ask({"HLEN", "flagfall:records"}) == "1000");
}

BOOST_AUTO_TEST_CASE(a_server_that_hangs_holds_nobody_up) {
  Master a(redis.address(), 1, {}, kImpatient);
  redis.send(SIGSTOP);
  const MonoTime begin = SystemClock().mono();
  int slow = 0;
  for (std::uint32_t n = 0; n < 500; ++n) {
    const MonoTime before = SystemClock().mono();
    a.put({{nth(n)}, {}});
    a.look();
    slow += SystemClock().mono() - before < std::chrono::milliseconds(200) ? 0 : 1;
    usleep(2000);
  }
  BOOST_TEST((SystemClock().mono() - begin > std::chrono::milliseconds(900)));
  // Who waited for the server would be slow each time; a busy machine may be so a few times.
  BOOST_TEST(slow < 5);
  BOOST_TEST(a.store->health().why_not == "no answer within 300 ms");
  {
    Master late(redis.address(), 2, {}, kImpatient);  // and nobody waits for it at a start
    BOOST_TEST(late.known.bindings.empty());
  }
  redis.send(SIGCONT);
  BOOST_TEST(eventually([&] { return redis.ask({"HLEN", "flagfall:records"}) == "500"; }));
}

BOOST_AUTO_TEST_CASE(a_server_that_lies_is_counted_and_contradicted) {
  const std::string good = "00000000000000000001 0000000000000001 +fra\t1\tbound\trace\t1\t1\t0.5\t1";
  const std::string future = "09999999999999999999" + good.substr(20);
  const auto lie = [&](const std::string& field, const std::string& value) {
    redis.ask({"HSET", "flagfall:records", field, value});
  };
  lie("b,web,10.0.0.0/16", good);
  lie("b,web,10.1.0.0/16", future);
  lie("b,web,10.2.0.0/16", "");
  lie("b,web,10.3.0.0/16", "zzzz");
  lie("b,web,10.4.0.0/33", good);
  lie("x,web,10.5.0.0/16", good);
  lie("h,web,10.6.0.0/16", good);  // no operator's word
  lie("b,web,10.7.0.0/16", good.substr(0, 40));
  lie("b,web,10.8.0.0/16", good + "\t1");
  lie("d,", good);
  lie("", "");
  Master a(redis.address(), 1);
  BOOST_TEST(a.known.bindings.size() == 1U);
  BOOST_TEST(a.store->health().wrong == 10U);
  a.put({{bound("10.1.0.0/16"), bound("10.3.0.0/16")}, {}});
  BOOST_TEST(eventually([&] { return a.store->health().kept == 2U; }));
  Master b(redis.address(), 2);
  BOOST_TEST(b.known.server_of("10.1.0.0/16") == "fra");
  BOOST_TEST(b.known.bindings.size() == 3U);
  // Other types than ours, in the middle of it.
  redis.ask({"DEL", "flagfall:records"});
  redis.ask({"SET", "flagfall:records", "nonsense"});
  a.put({{nth(9)}, {}});
  BOOST_TEST(eventually([&] { return a.store->health().why_not.find("WRONGTYPE") != std::string::npos; }));
  redis.ask({"DEL", "flagfall:records"});
  BOOST_TEST(agree(a, b));
  BOOST_TEST(redis.ask({"HLEN", "flagfall:records"}) != "0");
}

BOOST_AUTO_TEST_CASE(who_missed_what_the_stream_has_dropped_reads_everything) {
  Master a(redis.address(), 1);
  Master b(redis.address(), 2);
  a.put({{nth(1)}, {}});
  BOOST_TEST(agree(a, b));
  // As if it had been cut off between two looks of b.
  redis.ask({"EVAL", "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) redis.call('INCR', KEYS[2]) return 'ok'",
             "2", "flagfall:records", "flagfall:sequence", "b,web,10.0.0.0/16",
             "00000000000000000001 0000000000000009 +fra\t1\tbound\trace\t1\t1\t0.5\t1"});
  BOOST_TEST(eventually([&] {
    b.look();
    return b.known.server_of("10.0.0.0/16") == "fra";
  }));
}

BOOST_AUTO_TEST_CASE(a_wrong_password_is_said_and_a_right_one_opens) {
  redis.end();
  const RealRedis guarded(folder, "secret");
  RedisAddress wrong = guarded.address();
  wrong.password = "guess";
  Master a(wrong, 1);
  BOOST_TEST(a.store->health().why_not.find("WRONGPASS") != std::string::npos);
  Master b(guarded.address(), 2);
  b.put({{nth(1)}, {}});
  BOOST_TEST(eventually([&] { return b.store->health().kept == 1U; }));
}

BOOST_AUTO_TEST_CASE(a_user_with_the_rights_that_are_documented_can_do_all) {
  redis.ask({"ACL",   "SETUSER", "ff",           "on",       ">secret", "~flagfall:*", "-@all",
             "+auth", "+ping",   "+script|load", "+evalsha", "+get",    "+hget",       "+hset",
             "+hdel", "+hscan",  "+incr",        "+xadd",    "+xread",  "+xrevrange"});
  RedisAddress address = redis.address();
  address.user = "ff";
  address.password = "secret";
  redis.ask({"HSET", "flagfall:records", "b,web,10.0.0.0/16", "00000000000000000001 0000000000000009 -"});
  Master a(address, 1);
  BOOST_TEST(redis.ask({"HLEN", "flagfall:records"}) == "0");  // gone for long
  Master b(address, 2);
  a.put({{nth(1)}, {}});
  BOOST_TEST(agree(a, b));
  BOOST_TEST(b.known.bindings.size() == 1U);
  BOOST_TEST(a.store->health().failures + b.store->health().failures == 0U);
}

BOOST_AUTO_TEST_CASE(a_file_of_ones_own_brings_back_what_the_server_cannot) {
  {
    Master a(redis.address(), 1, file("a.db"));
    a.put({{nth(1), nth(2)}, {drained("fra")}});
    BOOST_TEST(eventually([&] { return redis.ask({"HLEN", "flagfall:records"}) == "3"; }));
  }
  redis.end();
  Master a(redis.address(), 1, file("a.db"));
  BOOST_TEST(a.known.bindings.size() == 2U);
  BOOST_TEST(a.known.drains.size() == 1U);
  a.put({{nth(3)}, {}});
  redis.start();
  Master b(redis.address(), 2, file("b.db"));
  BOOST_TEST(agree(a, b));
  BOOST_TEST(b.known.bindings.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_older_than_what_the_others_know_gives_way) {
  {
    Master a(redis.address(), 9, file("a.db"));
    a.put({{bound("192.0.2.0/24", "old", 1), bound("198.51.100.0/24", "old", 1)}, {}});
  }
  {
    Master b(redis.address(), 2);
    b.put({{bound("192.0.2.0/24", "new", 2), gone(bound("198.51.100.0/24"), 2)}, {}});
  }
  Master a(redis.address(), 9, file("a.db"));
  BOOST_TEST(a.known.server_of("192.0.2.0/24") == "new");
  BOOST_TEST(a.known.bindings.size() == 1U);
  a.store.reset();
  redis.end();
  const Master again(redis.address(), 9, file("a.db"));  // the file knows it, too
  BOOST_TEST(again.known.server_of("192.0.2.0/24") == "new");
  BOOST_TEST(again.known.bindings.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
