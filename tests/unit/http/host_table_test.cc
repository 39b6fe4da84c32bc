#include "common/http/host_table.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test

BOOST_AUTO_TEST_SUITE(host_table)

BOOST_AUTO_TEST_CASE(the_host_and_the_path_come_back_as_they_are_compared) {
  http::HostTable table;
  table.add("WWW.x.test.", "/videos/", 7);
  table.add("*.x.test", "/", 8);
  table.add("www.x.test", "/videos", 9);  // the same again
  http::HostTable::Room room{};
  const auto found = table.find("www.X.test.", "///videos/1?a", room);
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST(found->value == 7U);
  BOOST_TEST(found->host == "www.x.test");
  BOOST_TEST(found->path == "/videos/1?a");
  BOOST_TEST(!table.find("www.x.test", "/videos2", room));  // the exact host counts, and has no such path
  BOOST_TEST(table.find("a.x.test", "/x", room)->value == 8U);
  BOOST_TEST(!table.find("", "/", room));
}

BOOST_AUTO_TEST_SUITE_END()
