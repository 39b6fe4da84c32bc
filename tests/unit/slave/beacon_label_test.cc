#include "slave/beacon_label.hh"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace flagfall;         // NOLINT(google-build-using-namespace): a test
using namespace flagfall::slave;  // NOLINT(google-build-using-namespace): a test

namespace {

const wire::SipKey kKey = {1, 2, 3};

std::string label(std::uint32_t service, std::uint64_t race, const wire::SipKey& key = kKey) {
  std::array<std::uint8_t, kBeaconLabel> out{};
  write_beacon_label(key, service, race, out);
  return std::string(as_text(out));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(beacon_label)

BOOST_AUTO_TEST_CASE(a_label_says_which_service_and_race_and_that_it_is_ours) {
  for (const std::uint64_t race : {std::uint64_t{0}, std::uint64_t{77}, ~std::uint64_t{0}}) {
    const auto back = parse_beacon_label(as_bytes(label(0xdeadbeef, race)));
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST(back->service == 0xdeadbeefU);
    BOOST_TEST(back->race == race);
    BOOST_TEST(genuine(kKey, *back));
    BOOST_TEST(!genuine(wire::SipKey{9}, *back));
  }
}

BOOST_AUTO_TEST_CASE(it_survives_a_resolver_that_changes_its_case) {
  std::string mixed = label(service_tag("web"), 0x1234567890abcdef);
  for (std::size_t i = 0; i < mixed.size(); i += 2)
    mixed[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(mixed[i])));
  const auto back = parse_beacon_label(as_bytes(mixed));
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST(genuine(kKey, *back));
}

BOOST_AUTO_TEST_CASE(no_change_of_one_character_is_genuine) {
  const std::string good = label(5, 77);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == '0' ? '1' : '0';
    const auto parsed = parse_beacon_label(as_bytes(bad));
    BOOST_REQUIRE(parsed.has_value());
    BOOST_TEST(!genuine(kKey, *parsed));
  }
}

BOOST_AUTO_TEST_CASE(what_has_another_form_is_no_label) {
  const std::string good = label(5, 77);
  BOOST_TEST(!parse_beacon_label({}).has_value());
  BOOST_TEST(!parse_beacon_label(as_bytes(good.substr(1))).has_value());
  BOOST_TEST(!parse_beacon_label(as_bytes(good + "0")).has_value());
  for (const char c : {'w', 'z', 'W', '-', '\0', '\xff', ' ', '.'}) {
    std::string bad = good;
    bad[7] = c;
    BOOST_TEST(!parse_beacon_label(as_bytes(bad)).has_value());
  }
}

BOOST_AUTO_TEST_SUITE_END()
