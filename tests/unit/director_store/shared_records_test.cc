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
  SharedRecords records{7, 1000, 1000, random};
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
  bool scan() {
    records.begin_scan();
    for (const auto& [field, value] : server) BOOST_TEST(records.merge(field, value, kLatest));
    return records.end_scan();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(shared_records, Fixture)

BOOST_AUTO_TEST_CASE(a_server_that_has_what_we_know_has_lost_nothing) {
  records.put(drain("nyc", 10s));
  write();
  BOOST_TEST(!scan());
  server.clear();
  BOOST_TEST(scan());
}

BOOST_AUTO_TEST_CASE(a_server_that_has_gone_back_to_what_it_had_saved_is_given_the_newer_record_again) {
  records.put(drain("nyc", 10s, true));
  write();
  const auto saved = server;
  records.put(drain("nyc", 20s));
  write();
  server = saved;
  BOOST_TEST(scan());
  BOOST_TEST(records.untaken() == 0U);  // what is older is no news
  BOOST_TEST((records.put(drain("nyc", 20s)) == SharedRecords::Put::waits));
  write();
  BOOST_TEST(server.at("d,nyc").find("+somebody") != std::string::npos);
  BOOST_TEST(!scan());
}

BOOST_AUTO_TEST_CASE(what_was_taken_back_is_taken_back_again_from_a_server_that_has_gone_back) {
  records.put(drain("nyc", 10s));
  StoredChange word;
  word.binding.service = "web";
  word.binding.prefix = *parse_prefix("10.1.0.0/16");
  word.binding.servers = {"nyc"};
  word.binding.cause = Cause::by_hand;
  word.binding.renewed = RealTime(10s);
  records.put(word);
  write();
  const auto saved = server;
  word.gone = true;
  word.binding.renewed = RealTime(20s);
  records.put(word);
  records.put(drain("nyc", 20s, true));
  write();
  const auto right = server;
  server = saved;
  BOOST_TEST(scan());
  write();
  BOOST_TEST(server.at("h,web,10.1.0.0/16") == right.at("h,web,10.1.0.0/16"));
  BOOST_TEST(server.at("d,nyc").substr(0, kVersionText + 2) == right.at("d,nyc").substr(0, kVersionText + 2));
  BOOST_TEST(!scan());
  BOOST_TEST(records.take(10).empty());
}

BOOST_AUTO_TEST_SUITE_END()
