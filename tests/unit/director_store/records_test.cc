#include "director/store/records.hh"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "tests/unit/director_store/folder.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace)

BOOST_AUTO_TEST_SUITE(records)

BOOST_AUTO_TEST_CASE(names_are_joined_and_split) {
  std::vector<std::string> out;
  BOOST_TEST(split_names("fra,nyc", out));
  BOOST_TEST(join_names(out) == "fra,nyc");
  for (const std::string bad : {"", ",", "fra,", ",fra", "fra,,nyc", "fra,fra", "a,b,c,d,e,f,g,h,i", "fra\n"})
    BOOST_TEST(!split_names(bad, out), bad);
  BOOST_TEST(!split_names(std::string(256, 'x'), out));
  BOOST_TEST(split_names("a,b,c,d,e,f,g,h", out));
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_not_sound) {
  const StoredChange good = bound("192.0.2.0/24");
  BOOST_TEST(sound(good));
  const auto bad = [&](const auto& change) {
    StoredChange c = good;
    change(c.binding);
    return !sound(c);
  };
  BOOST_TEST(bad([](auto& b) { b.service = ""; }));
  BOOST_TEST(bad([](auto& b) { b.service = "a,b"; }));
  BOOST_TEST(bad([](auto& b) { b.servers.clear(); }));
  BOOST_TEST(bad([](auto& b) { b.servers = {"a", "a"}; }));
  BOOST_TEST(bad([](auto& b) { b.group = 0; }));
  BOOST_TEST(bad([](auto& b) { b.group = 3; }));
  BOOST_TEST(bad([](auto& b) { b.advantage = std::numeric_limits<double>::quiet_NaN(); }));
  BOOST_TEST(bad([](auto& b) { b.renewed = from_ns<RealTime>(-1); }));
  BOOST_TEST(bad([](auto& b) { b.since = from_ns<RealTime>(std::numeric_limits<std::int64_t>::max()); }));
  BOOST_TEST(bad([](auto& b) { b.prefix.length = 33; }));
  BOOST_TEST(bad([](auto& b) { b.prefix.length = 8; }));  // bits beyond it
  StoredChange left = gone(good);
  left.binding.servers.clear();
  BOOST_TEST(sound(left));
  BOOST_TEST(sound(drained("fra")));
  BOOST_TEST(!sound(drained("")));
}

BOOST_AUTO_TEST_SUITE_END()
