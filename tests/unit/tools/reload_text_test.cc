#include "tools/reload_text.hh"

#include <boost/test/unit_test.hpp>

namespace tools = flagfall::tools;

BOOST_AUTO_TEST_SUITE(reload_text)

BOOST_AUTO_TEST_CASE(what_has_changed_and_what_has_not_is_said_by_key) {
  BOOST_TEST(*tools::reload_text(
                 R"({"reloaded": true, "dry_run": false, "zones": 1, "changed": [], "needs_restart": []})") ==
             "zones and secrets are reloaded\n");
  BOOST_TEST(*tools::reload_text(R"({"dry_run": false,
      "changed": [{"key": "service.web.ttl_bound", "before": "60", "after": "120"}],
      "needs_restart": [{"key": "dns.threads", "before": "", "after": "2"}]})") ==
             "zones and secrets are reloaded\nchanged:\n  service.web.ttl_bound: 60 -> 120\n"
             "needs a restart:\n  dns.threads: (not there) -> 2\n");
  BOOST_TEST(
      *tools::reload_text(R"({"dry_run": true, "changed": [{"key": "a", "before": "1", "after": "2"}]})") ==
      "all files are good; nothing was changed\nwould change:\n  a: 1 -> 2\n");
}

BOOST_AUTO_TEST_CASE(words_that_make_no_sense_are_an_error_or_harmless) {
  for (const char* text : {"", "[]", "7", "{", "\xff\xff"}) BOOST_TEST(!tools::reload_text(text).ok());
  BOOST_TEST(
      *tools::reload_text(R"({"changed": 7, "needs_restart": [1, {"key": 2}, {"key": "a\u001b[2J\n"}]})") ==
      "zones and secrets are reloaded\nneeds a restart:\n  (not there): (not there) -> (not there)\n"
      "  (not there): (not there) -> (not there)\n  a?[2J?: (not there) -> (not there)\n");
}

BOOST_AUTO_TEST_SUITE_END()
