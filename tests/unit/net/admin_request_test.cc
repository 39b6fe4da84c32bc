#include "common/net/admin_request.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using net::AdminRequest;
using net::parse_query;

namespace {

bool refused(const std::string& text) {
  return !parse_query(text).ok();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(admin_request)

BOOST_AUTO_TEST_CASE(a_query_is_decoded_in_its_order) {
  const auto query = parse_query("by=server&since=1h&name=a%2Fb+c%3d&empty=&bare");
  BOOST_REQUIRE(query.ok());
  const AdminRequest::Query wanted{
      {"by", "server"}, {"since", "1h"}, {"name", "a/b c="}, {"empty", ""}, {"bare", ""}};
  BOOST_TEST((*query == wanted));
  BOOST_TEST(parse_query("")->empty());
  BOOST_TEST(parse_query("&&")->empty());
  BOOST_TEST(parse_query("a=b=c")->front().second == "b=c");
  BOOST_TEST(parse_query("n=%C3%A4")->front().second == "\xc3\xa4");
}

BOOST_AUTO_TEST_CASE(what_is_no_query_is_refused) {
  for (const std::string text : {"a=%", "a=%4", "a=%4g", "%zz=1", "=1", "a=1&a=2", "a=1&%61=2", "a=%00",
                                 "a=%0d%0aSet-Cookie:x", "a=\n", "a=%7f"})
    BOOST_TEST(refused(text), text);
}

BOOST_AUTO_TEST_CASE(names_values_and_their_number_are_bounded) {
  BOOST_TEST(!refused("a=" + std::string(net::kMostParameter, 'x')));
  BOOST_TEST(refused("a=" + std::string(net::kMostParameter + 1, 'x')));
  BOOST_TEST(refused(std::string(net::kMostParameter + 1, 'x')));
  std::string many;
  for (std::size_t i = 0; i < net::kMostParameters; ++i) many += "&p" + std::to_string(i);
  BOOST_TEST(!refused(many));
  BOOST_TEST(refused(many + "&one_more"));
}

BOOST_AUTO_TEST_CASE(a_peer_is_named_by_what_the_kernel_knows_of_it) {
  net::AdminPeer peer;
  peer.address = *parse_endpoint("[2001:db8::9]:4000");
  BOOST_TEST(to_string(peer) == "[2001:db8::9]:4000");
  peer.process = {.uid = 1000, .gid = 100, .pid = 4711};
  BOOST_TEST(to_string(peer) == "uid 1000, pid 4711");
}

BOOST_AUTO_TEST_SUITE_END()
