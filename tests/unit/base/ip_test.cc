#include "common/base/ip.hh"

#include <boost/test/unit_test.hpp>

using namespace std::string_view_literals;
using flagfall::parse_endpoint;
using flagfall::parse_ip;
using flagfall::parse_prefix;
using flagfall::to_string;

BOOST_AUTO_TEST_SUITE(ip)

BOOST_AUTO_TEST_CASE(addresses_read_back_as_they_were_written) {
  for (const auto text : {"192.0.2.1"sv, "0.0.0.0"sv, "2001:db8::1"sv, "::"sv, "fe80::1:2"sv})
    BOOST_TEST(to_string(*parse_ip(text)) == text);
  for (const auto text : {"192.0.2.1:53"sv, "[2001:db8::1]:5353"sv})
    BOOST_TEST(to_string(*parse_endpoint(text)) == text);
  for (const auto text : {"192.0.2.0/24"sv, "2001:db8::/32"sv, "0.0.0.0/0"sv, "::1/128"sv})
    BOOST_TEST(to_string(*parse_prefix(text)) == text);
}

BOOST_AUTO_TEST_CASE(a_default_port_may_be_left_out) {
  BOOST_TEST(to_string(*parse_endpoint("192.0.2.1", 53)) == "192.0.2.1:53");
  BOOST_TEST(to_string(*parse_endpoint("2001:db8::1", 53)) == "[2001:db8::1]:53");
  BOOST_TEST(to_string(*parse_endpoint("[2001:db8::1]", 53)) == "[2001:db8::1]:53");
  BOOST_TEST(!parse_endpoint("192.0.2.1"));
}

BOOST_AUTO_TEST_CASE(nonsense_is_refused_with_a_line_that_helps) {
  for (const auto text :
       {""sv, "192.0.2"sv, "192.0.2.1:"sv, "192.0.2.1:0"sv, "192.0.2.1:65536"sv, "192.0.2.1:5x"sv,
        "[192.0.2.1]:53"sv, "[2001:db8::1"sv, "[2001:db8::1]53"sv, "[2001:db8::1]:"sv, "host:53"sv})
    BOOST_TEST(!parse_endpoint(text), text);
  BOOST_TEST(parse_endpoint("example.test:53").error().find("192.0.2.1:53") != std::string::npos);
  for (const auto text : {"192.0.2.1/24"sv, "192.0.2.0/33"sv, "192.0.2.0/"sv, "::/129"sv, "x/8"sv})
    BOOST_TEST(!parse_prefix(text), text);
}

BOOST_AUTO_TEST_CASE(a_prefix_contains_its_own_and_no_other_familys) {
  const auto prefix = *parse_prefix("192.0.2.128/25");
  BOOST_TEST(prefix.contains(*parse_ip("192.0.2.200")));
  BOOST_TEST(!prefix.contains(*parse_ip("192.0.2.127")));
  BOOST_TEST(!parse_prefix("::/0")->contains(*parse_ip("192.0.2.1")));
  BOOST_TEST(to_string(masked(*parse_ip("2001:db8:ffff:ffff::1"), 41)) == "2001:db8:ff80::");
}

BOOST_AUTO_TEST_CASE(only_addresses_that_one_host_may_have_are_unicast) {
  for (const auto* text : {"192.0.2.1", "127.0.0.1", "223.255.255.255", "2001:db8::1", "::1", "fe80::1"})
    BOOST_TEST(parse_ip(text)->unicast(), text);
  for (const auto* text : {"0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "ff02::1",
                           "::ffff:192.0.2.1"})
    BOOST_TEST(!parse_ip(text)->unicast(), text);
}

BOOST_AUTO_TEST_SUITE_END()
