// When nothing is fit, what the operator chose is answered.
#include "director/health_rules.hh"

#include <boost/test/unit_test.hpp>

using flagfall::director::AllDown;
using flagfall::director::Fallen;
using flagfall::director::HealthRules;

namespace {

constexpr AllDown rule(AllDown::What what) {
  return {what, {}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(health_rules)

BOOST_AUTO_TEST_CASE(all_is_every_server_but_the_drained) {
  const HealthRules rules;
  BOOST_CHECK(rules.decide(rule(AllDown::What::all), 0b111, 0b010).what == Fallen::What::servers);
  BOOST_TEST(rules.decide(rule(AllDown::What::all), 0b111, 0b010).servers == 0b101U);
  BOOST_TEST(rules.decide(rule(AllDown::What::all), 0b111, 0b111).servers == 0b111U);
}

BOOST_AUTO_TEST_CASE(last_is_who_was_fit_before_nobody_was) {
  HealthRules rules;
  rules.fit(0b111);
  rules.fit(0b100);
  rules.fit(0);
  BOOST_TEST(rules.decide(rule(AllDown::What::last), 0b111, 0).servers == 0b100U);
}

BOOST_AUTO_TEST_CASE(last_is_all_when_that_one_is_drained_or_gone_or_nobody_ever_was_fit) {
  HealthRules rules;
  BOOST_TEST(rules.decide(rule(AllDown::What::last), 0b111, 0).servers == 0b111U);
  rules.fit(0b100);
  BOOST_TEST(rules.decide(rule(AllDown::What::last), 0b111, 0b100).servers == 0b011U);
  BOOST_TEST(rules.decide(rule(AllDown::What::last), 0b011, 0).servers == 0b011U);
}

BOOST_AUTO_TEST_CASE(refuse_and_addresses_name_no_server) {
  HealthRules rules;
  rules.fit(1);
  BOOST_CHECK(rules.decide(rule(AllDown::What::refuse), 1, 0).what == Fallen::What::refuse);
  const AllDown page{AllDown::What::addresses, {*flagfall::parse_ip("192.0.2.99")}};
  BOOST_CHECK(rules.decide(page, 1, 0).what == Fallen::What::addresses);
  BOOST_TEST(rules.decide(page, 1, 0).servers == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
