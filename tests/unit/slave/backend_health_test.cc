#include "slave/backend_health.hh"

#include <boost/test/unit_test.hpp>

#include "slave/port_rest.hh"

using namespace flagfall;         // NOLINT(*-using-namespace): a test
using namespace flagfall::slave;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

constexpr MonoTime kNow = MonoTime(Nanos(100s));

}  // namespace

BOOST_AUTO_TEST_SUITE(backend_health)

BOOST_AUTO_TEST_CASE(
    without_probes_only_a_closed_port_takes_a_backend_down_and_it_is_tried_again_ever_later) {
  BackendHealth h(false);
  BOOST_TEST(h.up());
  for (int i = 0; i < 100; ++i) h.probe_missed();
  BOOST_TEST(h.up());
  MonoTime now = kNow;
  for (const auto wait : {2s, 4s, 8s, 16s, 30s, 30s}) {
    h.refused(now);
    BOOST_TEST(!h.up());
    h.refused(now + 1s);
    h.tick(now + wait - 1ms);
    BOOST_TEST(!h.up());
    now += wait;
    h.tick(now);
    BOOST_TEST(h.up());
  }
  h.answered();
  h.refused(now);
  h.tick(now + 2s);
  BOOST_TEST(h.up());
}

BOOST_AUTO_TEST_CASE(with_probes_it_is_down_until_it_answers_and_after_three_that_it_does_not) {
  BackendHealth h(true);
  BOOST_TEST(!h.up());
  h.tick(kNow + 1h);
  BOOST_TEST(!h.up());
  h.answered();
  BOOST_TEST(h.up());
  h.probe_missed();
  h.probe_missed();
  h.answered();
  h.probe_missed();
  h.probe_missed();
  BOOST_TEST(h.up());
  h.probe_missed();
  BOOST_TEST(!h.up());
  h.answered();
  h.refused(kNow);
  BOOST_TEST(!h.up());
}

BOOST_AUTO_TEST_CASE(a_port_that_was_given_up_rests) {
  PortRest ports;
  BOOST_TEST(!ports.rests(40000, kNow));
  ports.given_up(40000, kNow + 10s);
  BOOST_TEST(ports.rests(40000, kNow + 9999ms));
  BOOST_TEST(!ports.rests(40000, kNow + 10s));
  BOOST_TEST(!ports.rests(40001, kNow));
}

BOOST_AUTO_TEST_SUITE_END()
