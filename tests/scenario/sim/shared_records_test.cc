// The model of the records server and of a master's end of it, and the judge of masters that share.
#include <boost/test/unit_test.hpp>

#include "sim/shared_store.hh"
#include "sim/sharing_judge.hh"

using namespace flagfall;       // NOLINT(*-using-namespace)
using namespace flagfall::sim;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;
using director::StoredChanges;
using director::StoredDrain;

namespace {

/// A host whose process is a store, and nothing else.
class Master final : public Host {
 public:
  Master(World& world, HostId id, RecordsServer& server)
      : Host(world, id, id, "master" + std::to_string(id), HostClock(kStart, 1h, Nanos(0), 0)), random_(id) {
    options_.server = &server;
    options_.master = id + 1;
  }
  [[nodiscard]] bool listens(const Endpoint& /*at*/) const override { return false; }
  void receive(const Packet& /*packet*/) override {}

  void drain(const std::string& server, bool gone = false) {
    StoredChanges changes;
    changes.drains.push_back({.server = server, .by = "test", .since = real(), .gone = gone});
    store->put(std::move(changes));
  }
  [[nodiscard]] std::vector<StoredDrain> heard() const { return store->take(100).drains; }

  std::unique_ptr<SharedStore> store;

 private:
  void process_started() override { store = std::make_unique<SharedStore>(*this, options_, random_); }
  void process_gone() override { store.reset(); }

  SharedStore::Options options_;
  SeededRandom random_;
};

struct Fixture {
  World world{1, 3, false};
  RefTime trouble;
  RecordsServer server{world, 2, 2, 3, [this](RefTime until) { trouble = until; }};
  Master a{world, 0, server}, b{world, 1, server};

  Fixture() {
    a.start();
    b.start();
    go_on(1s);
  }
  void go_on(Nanos how_long) {
    const RefTime end = world.now() + how_long;
    world.queue.at(end, [] {});
    while (world.queue.step(end)) {
    }
  }
};

ShownBook shows(const std::string& server, bool drained = false) {
  ShownBook out;
  out.restored = true;
  if (!server.empty()) out.bindings.push_back({"web", *parse_prefix("10.1.0.0/16"), server, true});
  if (drained) out.drained.insert("slave0");
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(shared_records)

BOOST_FIXTURE_TEST_CASE(what_one_master_puts_the_other_hears_within_a_second, Fixture) {
  a.drain("slave0");
  go_on(1s);
  const auto heard = b.heard();
  BOOST_REQUIRE(heard.size() == 1U);
  BOOST_TEST(heard[0].server == "slave0");
  BOOST_TEST(a.heard().empty());
}

BOOST_FIXTURE_TEST_CASE(a_server_that_is_away_is_written_when_it_is_back, Fixture) {
  server.away(5s);
  a.drain("slave0");
  go_on(4s);
  BOOST_TEST(b.heard().empty());
  BOOST_TEST(a.store->health().failures > 0U);
  BOOST_TEST((trouble > kStart));
  go_on(5s);
  BOOST_TEST(b.heard().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_was_cut_off_makes_masters_read_everything, Fixture) {
  world.network.cut(1, 2, 2s);
  for (const char* name : {"s1", "s2", "s3", "s4", "s5", "s6"}) a.drain(name);  // the stream holds three
  go_on(6s);
  BOOST_TEST(b.heard().size() == 6U);
}

BOOST_FIXTURE_TEST_CASE(a_server_that_has_lost_something_is_given_it_again, Fixture) {
  server.save();
  a.drain("slave0");
  go_on(1s);
  BOOST_TEST(b.heard().size() == 1U);
  server.restart(100ms, RecordsServer::Left::saved);
  go_on(100ms);
  a.kill();
  go_on(4s);  // also by who has only heard of it
  BOOST_TEST(b.heard().empty());
  BOOST_TEST(!b.store->needs_all());
  a.start();
  go_on(1s);
  BOOST_TEST(a.heard().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_process_that_is_gone_hears_of_no_reply, Fixture) {
  for (int n = 0; n < 20; ++n) {
    a.drain("slave0", n % 2 != 0);
    go_on(n * 7ms);
    a.kill();
    go_on(50ms);
    a.start();
    go_on(1s);
    BOOST_TEST(a.store->was_read());
  }
  BOOST_TEST(!b.heard().empty());
}

BOOST_AUTO_TEST_CASE(the_judge_of_masters_that_share_says_when_they_differ_and_when_a_word_has_come_back) {
  const SharingJudge::Key key{"web", *parse_prefix("10.1.0.0/16")};
  SharingJudge judge;
  judge.add_master("a");
  judge.add_master("b");
  RefTime now = kStart;
  const auto look = [&](const ShownBook& one, const ShownBook& other) {
    (void)judge.look("a", one, now);
    return judge.look("b", other, now).value_or("");
  };
  BOOST_TEST(look(shows("fra"), shows("")).empty());  // they have begun only now
  now += SharingJudge::kAgree;
  BOOST_TEST(look(shows("fra"), shows("")).find("words for web 10.1.0.0/16 differ") != std::string::npos);
  BOOST_TEST(look(shows("fra"), shows("fra", true)).find("drained servers differ") != std::string::npos);
  BOOST_TEST(look(shows("fra"), shows("fra")).empty());

  BOOST_TEST(judge.word("a", key, "nyc", now));
  BOOST_TEST(look(shows("nyc"), shows("fra")).empty());  // b need not know it yet
  now += SharingJudge::kAgree;
  BOOST_TEST(look(shows("fra"), shows("fra")).find("not bound to nyc") != std::string::npos);
  BOOST_TEST(!judge.word("b", key, "", now - 2s));  // nobody can say whose is later
  now += SharingJudge::kAgree;
  BOOST_TEST(look(shows("nyc"), shows("nyc")).empty());
  BOOST_TEST(judge.word("b", key, "", now));
  now += SharingJudge::kAgree;
  BOOST_TEST(look(shows("nyc"), shows("nyc")).find("has come back") != std::string::npos);
  judge.lost(now);
  now += SharingJudge::kAgree;
  BOOST_TEST(look(shows("nyc"), shows("nyc")).empty());
}

BOOST_AUTO_TEST_SUITE_END()
