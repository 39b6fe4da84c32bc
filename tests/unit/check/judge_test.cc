// From what was seen on a host to findings.
#include "check/judge.hh"

#include <linux/net_tstamp.h>

#include <boost/test/unit_test.hpp>

#include "check/master_check.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using namespace check;  // NOLINT(google-build-using-namespace)

namespace {

constexpr MonoTime kNow = MonoTime(100s);

std::string first(const Findings& f) {
  BOOST_REQUIRE(!f.all().empty());
  return std::string(name_of(f.all().front().grade)) + " " + f.all().front().seen;
}
bool holds(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  BOOST_TEST_MESSAGE("was: " << text);
  return false;
}
PortFacts port(std::vector<BoundSocket> holders, std::vector<Owner> owners) {
  return {"UDP 192.0.2.1:53", *parse_endpoint("192.0.2.1:53"), "flagfall-master", std::move(holders),
          std::move(owners)};
}
clocksync::RefMap synchronised(Nanos bound) {
  clocksync::RefMap map;
  map.status = wire::ClockStatus::synchronised;
  map.bound = bound;
  map.measured = kNow;
  return map;
}
std::string clock(const clocksync::RefMap& map) {
  Findings out;
  judge_clock("chrony", map, 5ms, kNow, out);
  return first(out);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(judge)

BOOST_AUTO_TEST_CASE(a_port_is_free_ours_or_somebodys) {
  const BoundSocket here{*parse_endpoint("0.0.0.0:53"), 998, 7};
  const BoundSocket six{*parse_endpoint("[::]:53"), 998, 7};
  Findings free, ours, theirs, unknown, dual;
  BOOST_TEST(!judge_port(port({}, {}), free));
  BOOST_TEST(first(free) == "ok free");
  BOOST_TEST(judge_port(port({here}, {{711, "flagfall-master"}}), ours));
  BOOST_TEST(first(ours) == "ok flagfall-master has it (pid 711)");
  BOOST_TEST(!judge_port(port({here}, {{711, "named"}}), theirs));
  BOOST_TEST(first(theirs) == "problem named (pid 711) has 0.0.0.0:53");
  BOOST_TEST(!judge_port(port({here}, {{0, ""}}), unknown));
  BOOST_TEST(first(unknown) == "warning a program of uid 998 has 0.0.0.0:53");
  BOOST_TEST(!judge_port(port({six}, {{711, "named"}}), dual));
  BOOST_TEST(first(dual) == "warning named (pid 711) has [::]:53");
}

BOOST_AUTO_TEST_CASE(a_capability_is_there_in_any_of_the_ways) {
  for (int way = 0; way < 3; ++way) {
    Findings out;
    judge_capability({"CAP_NET_RAW", "to send", "flagfall-slave", way == 0, way == 1, way == 2, true}, out);
    BOOST_TEST(out.exit_status() == 0);
  }
  Findings needed, wanted;
  judge_capability({"CAP_NET_RAW", "to send", "flagfall-slave", false, false, false, true}, needed);
  judge_capability({"CAP_NET_RAW", "to send", "flagfall-slave", false, false, false, false}, wanted);
  BOOST_TEST(first(needed) == "problem missing, needed to send");
  BOOST_TEST(wanted.exit_status() == 1);
}

BOOST_AUTO_TEST_CASE(a_clock_is_judged_by_its_bound_against_what_is_allowed) {
  clocksync::RefMap none;
  none.why = "chronyd at 127.0.0.1:323 does not answer";
  BOOST_TEST(clock(none) == "problem chronyd at 127.0.0.1:323 does not answer");
  BOOST_TEST(holds(clock(synchronised(1ms)), "ok synchronised, bound 1.000 ms of 5ms allowed"));
  BOOST_TEST(holds(clock(synchronised(3ms)), "warning synchronised, bound 3.000 ms"));
  BOOST_TEST(holds(clock(synchronised(6ms)), "problem synchronised, bound 6.000 ms"));
  clocksync::RefMap silent = synchronised(1ms);
  silent.status = wire::ClockStatus::free_running;
  BOOST_TEST(clock(silent) == "problem it is not synchronised");
  clocksync::RefMap leap = synchronised(1ms);
  leap.leap_pending = true;
  BOOST_TEST(clock(leap) == "warning a leap second is announced");
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_set_meanwhile_is_seen_and_a_slew_is_none) {
  Findings slewed, set;
  judge_steps(1000s, 1000s + 1ms, 2s, slewed);  // 500 ppm
  BOOST_TEST(slewed.exit_status() == 0);
  judge_steps(1000s, 999s, 2s, set);
  BOOST_TEST(holds(first(set), "warning CLOCK_REALTIME was set, or slewed hard, by 1000.000 ms"));
}

BOOST_AUTO_TEST_CASE(chrony_may_step_at_the_start_only) {
  const auto of = [](std::string_view text) {
    Findings out;
    judge_chrony_conf("chrony.conf", text, out);
    return out.exit_status();
  };
  BOOST_TEST(of("makestep 0.1 3\n") == 0);
  BOOST_TEST(of("# makestep 1 -1\nserver x iburst") == 0);
  BOOST_TEST(of("server x\n  makestep\t1 -1") == 1);
  BOOST_TEST(of("") == 0);
  BOOST_TEST(of("makestep") == 0);
}

BOOST_AUTO_TEST_CASE(two_programs_that_set_one_clock_are_named) {
  Findings one, two;
  judge_time_daemons({"chronyd", "sshd"}, one);
  BOOST_TEST(one.all().empty());
  judge_time_daemons({"systemd-timesyn", "chronyd"}, two);
  BOOST_TEST(first(two) == "warning systemd-timesyn runs beside chronyd");
}

BOOST_AUTO_TEST_CASE(stamps_of_what_leaves_matter_at_slaves_only) {
  const std::uint32_t receive = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
  const auto of = [](std::optional<std::uint32_t> flags, bool transmit) {
    Findings out;
    judge_stamps("eth0", flags, transmit, out);
    return out.all().front().grade;
  };
  BOOST_TEST((of(receive, false) == Grade::ok));
  BOOST_TEST((of(receive, true) == Grade::warning));
  BOOST_TEST((of(receive | SOF_TIMESTAMPING_TX_SOFTWARE, true) == Grade::ok));
  BOOST_TEST((of(0, false) == Grade::warning));
  BOOST_TEST((of({}, true) == Grade::skipped));
}

BOOST_AUTO_TEST_CASE(buffers_filters_and_keys_say_what_to_do) {
  Findings out;
  judge_buffer("dns.receive_buffer", 4 << 20, 212992, out);
  judge_rp_filter("eth0", true, 2, out);
  judge_rp_filter("eth0", true, 1, out);
  judge_key_owner("m.key", 0, 0600, 998, "flagfall", out);
  judge_key_owner("m.key", 998, 0600, 998, "flagfall", out);
  BOOST_REQUIRE(out.all().size() == 5U);
  BOOST_TEST(holds(out.all()[0].advice, "sysctl -w net.core.rmem_max=4194304"));
  BOOST_TEST(out.count(Grade::warning) == 3U);
  BOOST_TEST(out.all()[3].advice == "chown flagfall m.key; chmod 600 m.key");
}

BOOST_AUTO_TEST_CASE(what_the_firewall_does_is_a_problem_only_where_it_matters) {
  using Kind = Verdict::Kind;
  const auto grade = [](Kind kind, bool vital) {
    Findings out;
    judge_packet({"answers", "nobody is served", vital}, {kind, "inet f in, handle 3"}, out);
    return out.all().front().grade;
  };
  BOOST_TEST((grade(Kind::passes, true) == Grade::ok));
  BOOST_TEST((grade(Kind::dropped, true) == Grade::problem));
  BOOST_TEST((grade(Kind::rewritten, true) == Grade::problem));
  BOOST_TEST((grade(Kind::dropped, false) == Grade::warning));
  BOOST_TEST((grade(Kind::unsure, true) == Grade::skipped));
}

BOOST_AUTO_TEST_CASE(a_running_masters_status_is_judged_whatever_it_holds) {
  Findings good, bad;
  judge_status(R"({"racing":{"why_not":null},"slaves":[{"name":"fra","why_not":null}],"counters":{}})", good);
  BOOST_TEST(good.exit_status() == 0);
  judge_status(
      R"({"racing":{"why_not":"paused by an operator"},"slaves":[{"name":"fra","why_not":"has not connected"}],)"
      R"("counters":{"receive_queue_drops":7}})",
      bad);
  BOOST_TEST(bad.count(Grade::warning) == 3U);
  for (const char* text : {"", "[]", "{}", R"({"racing":3,"slaves":[3,{"name":3}],"counters":[]})", "\xff"}) {
    Findings any;
    judge_status(text, any);
    BOOST_TEST(!any.all().empty());
  }
}

BOOST_AUTO_TEST_CASE(findings_are_counted_told_and_printed) {
  std::string told;
  Findings out([&](const Finding& f) { told += finding_text(f); });
  BOOST_TEST(out.exit_status() == 0);
  out.ok("clock", "fine");
  out.skipped("firewall", "not root", "be root");
  BOOST_TEST(out.exit_status() == 0);
  out.warning("zones", "a\nline\xff", "do it");
  BOOST_TEST(out.exit_status() == 1);
  out.problem("port", "taken", "stop it");
  BOOST_TEST(out.exit_status() == 2);
  BOOST_TEST(out.summary() == "1 ok, 1 skipped, 1 warning, 1 problem\n");
  BOOST_TEST(holds(
      told,
      "ok       clock: fine\nskipped  firewall: not root\n         -> be root\nwarning  zones: a line"));
  const std::string json = out.json("m.toml");
  BOOST_TEST(holds(json, R"("checked": "m.toml")"));
  BOOST_TEST(holds(json, R"("problems": 1)"));
  BOOST_TEST(holds(json, R"("advice": null)"));
}

BOOST_AUTO_TEST_SUITE_END()
