// Names of namespaces split one way only, and nothing else is taken for one.
#include "lab/names.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall::lab;

BOOST_AUTO_TEST_SUITE(names)

BOOST_AUTO_TEST_CASE(a_namespace_leads_back_to_its_lab) {
  BOOST_TEST(namespace_of("race", "slave-1") == "ff-race-slave-1");
  BOOST_TEST(lab_of_namespace("ff-race-slave-1").value() == "race");
  BOOST_TEST(lab_of_namespace(hub_namespace_of("race")).value() == "race");
}

BOOST_AUTO_TEST_CASE(other_namespaces_are_not_ours) {
  for (const char* name :
       {"", "ff-", "ff-race", "ff-race-", "ff--x", "race-x", "ff-a/b-x", "ff-race-.x", "ffrace-x"})
    BOOST_TEST(!lab_of_namespace(name).has_value(), name);
}

BOOST_AUTO_TEST_CASE(names_that_are_paths_or_too_long_are_refused) {
  for (const char* name : {"", "a-b", "../x", "a b", "abcdefghijklmnopqrstu", "a\n"})
    BOOST_TEST(!valid_lab_name(name), name);
  for (const char* name : {"", ".hub", "-a", "a/b", "a b", "abcdefghijklmnopqrstuvwxyzabcde"})
    BOOST_TEST(!valid_host_name(name), name);
  BOOST_TEST(valid_lab_name("race_2"));
  BOOST_TEST(valid_host_name("slave-1"));
}

BOOST_AUTO_TEST_SUITE_END()
