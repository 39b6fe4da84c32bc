#include "common/config/differences.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall::config;  // NOLINT(google-build-using-namespace): a test

namespace {

std::vector<std::string> between(std::string_view before, std::string_view after) {
  const auto a = parse_text(before, "before");
  const auto b = parse_text(after, "after");
  BOOST_REQUIRE_MESSAGE(a, (a ? "" : a.error()));
  BOOST_REQUIRE_MESSAGE(b, (b ? "" : b.error()));
  std::vector<std::string> out;
  for (const Difference& one : differences(*a, *b)) out.push_back(to_text(one));
  return out;
}
using Lines = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(differences)

BOOST_AUTO_TEST_CASE(what_is_the_same_is_no_difference) {
  BOOST_TEST(between("", "").empty());
  BOOST_TEST(between("a = 1 # one\n[b]\nc = [1, 2]", "[b]\nc = [ 1,2 ] # two").size() == 1U);
  BOOST_TEST(between("[b]\nc = [1, 2]", "b.c = [ 1,2 ]").empty());
}

BOOST_AUTO_TEST_CASE(each_key_that_differs_is_named_with_both_values) {
  BOOST_TEST((between("a = 1\nb = \"x\"\n[dns]\nrate = 1.5", "a = 2\nb = \"y\"\n[dns]\nrate = 2.5") ==
              Lines{"a: 1 -> 2", "b: \"x\" -> \"y\"", "dns.rate: 1.5 -> 2.5"}));
  BOOST_TEST((between("a = [1, 2]", "a = [2, 1]") == Lines{"a: [1, 2] -> [2, 1]"}));
  BOOST_TEST((between("a = 1", "a = [true]") == Lines{"a: 1 -> [true]"}));
  BOOST_TEST((between("a = 1", "b = 1") == Lines{"a: 1 -> (not there)", "b: (not there) -> 1"}));
}

BOOST_AUTO_TEST_CASE(elements_of_lists_are_known_by_their_names_wherever_they_stand) {
  constexpr auto kBefore = "[[s]]\nname = \"web\"\nttl = 1\n[[s]]\nname = \"api\"\nttl = 2";
  BOOST_TEST(between(kBefore, "[[s]]\nname = \"api\"\nttl = 2\n[[s]]\nname = \"web\"\nttl = 1").empty());
  BOOST_TEST((between(kBefore, "[[s]]\nname = \"api\"\nttl = 3\n[[s]]\nname = \"web\"\nttl = 1") ==
              Lines{"s.api.ttl: 2 -> 3"}));
  BOOST_TEST((between(kBefore, "[[s]]\nname = \"web\"\nttl = 1") ==
              Lines{"s.api: { name = \"api\", ttl = 2 } -> (not there)"}));
}

BOOST_AUTO_TEST_CASE(elements_without_names_and_two_of_one_name_are_known_by_their_place) {
  BOOST_TEST((between("[[s]]\na = 1\n[[s]]\na = 2", "[[s]]\na = 1\n[[s]]\na = 3") == Lines{"s.1.a: 2 -> 3"}));
  BOOST_TEST((between("[[s]]\nname = \"x\"\na = 1\n[[s]]\nname = \"x\"\na = 2",
                      "[[s]]\nname = \"x\"\na = 1\n[[s]]\nname = \"x\"\na = 3") == Lines{"s.1.a: 2 -> 3"}));
}

BOOST_AUTO_TEST_SUITE_END()
