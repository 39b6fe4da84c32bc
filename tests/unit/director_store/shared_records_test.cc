#include "director/store/shared_records.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <map>
#include <string>

#include "common/base/random.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

namespace {

constexpr RealTime kLatest{2h};

StoredDrain drain(const std::string& server, Nanos since, bool gone = false) {
  return {.server = server, .by = "somebody", .since = RealTime(since), .gone = gone};
}

struct Fixture {
  SeededRandom random{1};
  SharedRecords records{7, 4, 1000, random};
  std::map<std::string, std::string> server;

  void write() {
    const auto batch = records.batch(100);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto old = server.find(batch[i].first);
      const bool newer = old == server.end() ||
                         old->second.substr(0, kVersionText) < batch[i].second.substr(0, kVersionText);
      const std::string instead = newer ? "" : old->second;
      if (newer) server[batch[i].first] = batch[i].second;
      records.written(i, instead, kLatest);
    }
  }
  bool scan(Nanos forgotten = {}) {
    records.begin_scan();
    for (const auto& [field, value] : server) BOOST_TEST(records.merge(field, value, kLatest));
    return records.end_scan(RealTime(forgotten));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(shared_records, Fixture)

BOOST_AUTO_TEST_CASE(a_server_that_has_what_we_know_has_lost_nothing) {
  records.put(drain("nyc", 10s));
  write();
  BOOST_TEST(!scan());
  BOOST_TEST(records.batch(100).empty());
}

BOOST_AUTO_TEST_CASE(a_server_that_has_lost_everything_is_given_it_again_as_it_was) {
  records.put(drain("nyc", 10s));
  records.put(drain("fra", 20s, true));
  BOOST_TEST(records.merge("d,ams", "00000000000000000005 0000000000000009 +other", kLatest));
  server["d,ams"] = "00000000000000000005 0000000000000009 +other";
  write();
  const auto all = server;
  server.clear();
  BOOST_TEST(!scan());
  write();
  BOOST_TEST(server == all);
  BOOST_TEST(records.settled() == 2U);  // once
  // And when the server goes away meanwhile.
  server.clear();
  BOOST_TEST(!scan());
  BOOST_TEST(records.batch(2).size() == 2U);
  records.failed();
  BOOST_TEST(!scan());
  write();
  BOOST_TEST(server == all);
}

BOOST_AUTO_TEST_CASE(a_server_that_has_gone_back_to_what_it_had_saved_is_given_the_newer_record_again) {
  records.put(drain("nyc", 10s, true));
  write();
  const auto saved = server;
  records.put(drain("nyc", 20s));
  write();
  const auto newer = server;
  server = saved;
  BOOST_TEST(!scan());
  BOOST_TEST(records.untaken() == 0U);  // what is older is no news
  write();
  BOOST_TEST(server == newer);
}

// Seed 7661 of the campaign: another master is faster to give the server its older record again.
BOOST_AUTO_TEST_CASE(what_another_master_puts_again_first_is_no_news_when_it_is_older) {
  records.put(drain("nyc", 10s));
  write();
  const auto newer = server;
  server.clear();
  scan();
  const std::string older = "00000000000000000005 0000000000000009 -other";
  server["d,nyc"] = older;
  BOOST_TEST(records.merge("d,nyc", older, kLatest));
  BOOST_TEST(records.untaken() == 0U);
  write();
  BOOST_TEST(server == newer);
}

BOOST_AUTO_TEST_CASE(what_changes_while_the_server_lacks_it_is_given_it_as_it_is_now) {
  records.put(drain("nyc", 10s));
  write();
  server.clear();
  scan();
  records.put(drain("nyc", 20s, true));
  write();
  BOOST_TEST(server.at("d,nyc").starts_with("00000000020000000000 0000000000000007 -"));
}

BOOST_AUTO_TEST_CASE(what_comes_back_long_after_it_was_taken_back_is_taken_back_again) {
  records.put(drain("nyc", 10s));
  write();
  const auto saved = server;
  records.put(drain("nyc", 20s, true));
  write();
  const auto gone = server;
  server = saved;
  BOOST_TEST(!scan(30s));
  write();
  BOOST_TEST(server == gone);
}

BOOST_AUTO_TEST_CASE(a_process_that_ends_writes_what_is_its_own_and_no_more) {
  records.put(drain("nyc", 10s));
  write();
  server.clear();
  scan();
  records.put(drain("fra", 20s));
  BOOST_TEST(records.batch(100, false).size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_gone_for_long_is_forgotten_once_the_server_has_forgotten_it) {
  records.put(drain("nyc", 10s, true));
  records.put(drain("fra", 10s));
  write();
  server.clear();
  BOOST_TEST(!scan(11s));
  write();
  BOOST_TEST(server.size() == 1U);
  BOOST_TEST(server.contains("d,fra"));
}

BOOST_AUTO_TEST_CASE(where_not_all_could_be_known_all_is_asked_for_when_something_is_lost) {
  for (const char* name : {"a", "b", "c", "d", "e"}) records.put(drain(name, 10s));
  write();
  BOOST_TEST(server.size() == 5U);
  server.clear();
  BOOST_TEST(scan());
  write();
  BOOST_TEST(server.size() == 4U);
  BOOST_TEST(!scan());
}

BOOST_AUTO_TEST_SUITE_END()
