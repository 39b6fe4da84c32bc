// Whether the parent leads to our servers.
#include "check/delegation.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace check;     // NOLINT(google-build-using-namespace)

namespace {

const IpAddress kOurs = *parse_ip("192.0.2.1");
const IpAddress kOther = *parse_ip("198.51.100.9");

DelegationFacts good() {
  DelegationFacts f;
  f.zone = "example.test";
  f.parent = "ns.test. (198.51.100.4)";
  f.at_parent = {true, false, "NOERROR", {{"ns1.example.test.", {kOurs}}}};
  f.served = {{"ns1.example.test.", kOurs, Delegation{true, true, "NOERROR", {{"ns1.example.test.", {}}}}}};
  f.ours = {kOurs};
  return f;
}
std::string judged(const DelegationFacts& facts) {
  Findings out;
  judge_delegation(facts, out);
  BOOST_REQUIRE(!out.all().empty());
  return std::string(name_of(out.all().front().grade)) + " " + out.all().front().seen;
}
bool holds(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  BOOST_TEST_MESSAGE("was: " << text);
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(delegation)

BOOST_AUTO_TEST_CASE(a_parent_that_leads_to_us_is_ok) {
  BOOST_TEST(judged(good()) == "ok ns.test. (198.51.100.4) leads to ns1.example.test., which serves it");
}

BOOST_AUTO_TEST_CASE(no_delegation_and_missing_glue_are_problems) {
  DelegationFacts none = good();
  none.at_parent = {false, true, "NXDOMAIN", {}};
  BOOST_TEST(judged(none) == "problem ns.test. (198.51.100.4) has none (NXDOMAIN)");
  DelegationFacts bare = good();
  bare.at_parent.servers[0].addresses.clear();
  bare.served.clear();
  BOOST_TEST(holds(judged(bare), "problem glue is missing: the parent names ns1.example.test."));
  DelegationFacts outside = bare;  // needs no glue, and nobody knows its address here
  outside.at_parent.servers[0].name = "ns1.example-2.test.";
  BOOST_TEST(holds(judged(outside), "skipped "));
  DelegationFacts trap = bare;  // ends with the zone's letters, and lies beside it
  trap.at_parent.servers[0].name = "ns1.notexample.test.";
  BOOST_TEST(holds(judged(trap), "skipped "));
}

BOOST_AUTO_TEST_CASE(a_delegation_that_leads_elsewhere_is_a_problem) {
  DelegationFacts f = good();
  f.served[0].address = kOther;
  BOOST_TEST(holds(judged(f), "problem none of the addresses"));
  DelegationFacts both = good();
  both.served.push_back({"ns2.example.test.", kOther, both.served[0].says});
  BOOST_TEST(holds(judged(both), "ok "));  // another master is no fault
}

BOOST_AUTO_TEST_CASE(a_zone_that_is_left_to_slaves_is_delegated_to_exactly_these) {
  DelegationFacts f = good();
  f.zone = "fra.beacon.example.test";
  f.parent = "this master";
  f.ours.clear();
  f.slaves = {"NS1.example.test"};
  BOOST_TEST(judged(f) == "ok this master leads to ns1.example.test., which serves it");
  f.slaves = {"ns1.example.test", "ns2.example.test"};
  BOOST_TEST(judged(f) ==
             "problem this master names ns1.example.test., not ns1.example.test., ns2.example.test.");
  f.slaves = {"ns2.example.test"};
  BOOST_TEST(judged(f) == "problem this master names ns1.example.test., not ns2.example.test.");
  f.slaves = {"ns1.example.test"};
  f.served[0].says = Delegation{false, false, "REFUSED", {}};
  BOOST_TEST(judged(f) == "problem ns1.example.test. (192.0.2.1) is not authoritative: REFUSED");
  f.at_parent = {false, true, "NXDOMAIN", {}};
  Findings out;
  judge_delegation(f, out);
  BOOST_TEST(out.all().front().seen == "this master has none (NXDOMAIN)");
  BOOST_TEST(out.all().front().advice == "add NS records to the zone above, and reload: ns1.example.test.");
}

BOOST_AUTO_TEST_CASE(servers_that_are_silent_lame_or_of_another_opinion_are_named) {
  DelegationFacts silent = good();
  silent.served[0].says.reset();
  BOOST_TEST(holds(judged(silent), "warning ns1.example.test. (192.0.2.1) does not answer"));
  DelegationFacts lame = good();
  lame.served[0].says = Delegation{false, false, "REFUSED", {}};
  BOOST_TEST(holds(judged(lame), "problem ns1.example.test. (192.0.2.1) is not authoritative: REFUSED"));
  DelegationFacts differs = good();
  differs.served[0].says->servers.push_back({"ns2.example.test.", {}});
  BOOST_TEST(holds(judged(differs),
                   "warning ns1.example.test. (192.0.2.1) names ns1.example.test., ns2.example.test. as"));
}

BOOST_AUTO_TEST_CASE(the_first_resolver_is_read_from_resolv_conf) {
  BOOST_TEST(to_string(*first_resolver("search x\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n")) ==
             "192.0.2.53:53");
  BOOST_TEST(to_string(*first_resolver("nameserver\t2001:db8::53")) == "[2001:db8::53]:53");
  BOOST_TEST(to_string(*first_resolver("nameserver fe80::1%eth0\n")) == "[fe80::1]:53");
  for (const char* text : {"", "nameserver", "nameserver x\n", "#nameserver 192.0.2.1"})
    BOOST_TEST(!first_resolver(text).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
