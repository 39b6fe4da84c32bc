// Thresholds both ways, and monitors that die.
#include "collect/health_core.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;           // NOLINT(google-build-using-namespace): a test
using namespace flagfall::collect;  // NOLINT(google-build-using-namespace): a test
using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = Finding::Verdict;
using wire::Health;

namespace {

struct Rig {
  MonoTime now{seconds(100)};
  HealthCore core{{.interval = seconds(5), .timeout = seconds(2), .rise = 2, .fall = 3}, now};

  Health probe(Verdict verdict, const std::string& why = "refused") {
    now = core.next_deadline();
    BOOST_REQUIRE(core.start(now));
    now += milliseconds(10);
    core.finished({verdict, verdict == Verdict::good ? "" : why}, now);
    return core.state();
  }
  void bring_up() {
    (void)probe(Verdict::good);
    BOOST_REQUIRE((probe(Verdict::good) == Health::up));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(health_core)

BOOST_AUTO_TEST_CASE(nothing_is_known_before_enough_probes_agree) {
  Rig rig;
  BOOST_TEST((rig.core.state() == Health::unknown));
  BOOST_TEST(!rig.core.why().empty());
  BOOST_TEST((rig.probe(Verdict::good) == Health::unknown));
  BOOST_TEST((rig.probe(Verdict::bad) == Health::unknown));
  BOOST_TEST((rig.probe(Verdict::good) == Health::unknown));
  BOOST_TEST((rig.probe(Verdict::good) == Health::up));
  BOOST_TEST(rig.core.why().empty());
}

BOOST_AUTO_TEST_CASE(down_after_three_in_a_row_and_up_after_two) {
  Rig rig;
  rig.bring_up();
  const MonoTime up_since = rig.core.since();
  BOOST_TEST((rig.probe(Verdict::bad) == Health::up));
  BOOST_TEST((rig.probe(Verdict::bad) == Health::up));
  BOOST_TEST((rig.probe(Verdict::good) == Health::up));
  BOOST_TEST((rig.core.since() == up_since));
  BOOST_TEST((rig.probe(Verdict::bad) == Health::up));
  BOOST_TEST((rig.probe(Verdict::bad) == Health::up));
  BOOST_TEST((rig.probe(Verdict::bad, "status 503") == Health::down));
  BOOST_TEST(rig.core.why() == "status 503");
  BOOST_TEST((rig.core.since() == rig.now));
  BOOST_TEST((rig.probe(Verdict::good) == Health::down));
  BOOST_TEST((rig.probe(Verdict::good) == Health::up));
}

BOOST_AUTO_TEST_CASE(a_broken_probe_makes_it_unknown_at_once_and_both_counts_begin_anew) {
  Rig rig;
  rig.bring_up();
  BOOST_TEST((rig.probe(Verdict::broken, "out of descriptors") == Health::unknown));
  BOOST_TEST(rig.core.why() == "out of descriptors");
  BOOST_TEST((rig.probe(Verdict::good) == Health::unknown));
  BOOST_TEST((rig.probe(Verdict::good) == Health::up));
  for (int i = 0; i < 3; ++i) (void)rig.probe(Verdict::bad);
  BOOST_TEST((rig.core.state() == Health::down));
  BOOST_TEST((rig.probe(Verdict::broken) == Health::unknown));
}

BOOST_AUTO_TEST_CASE(a_probe_that_never_ends_is_ended_and_means_unknown) {
  Rig rig;
  rig.bring_up();
  rig.now = rig.core.next_deadline();
  BOOST_REQUIRE(rig.core.start(rig.now));
  BOOST_TEST(!rig.core.start(rig.now + seconds(60)));  // one at a time
  BOOST_TEST(!rig.core.overdue(rig.now + seconds(2)));
  BOOST_TEST((rig.core.next_deadline() == rig.now + seconds(3)));
  BOOST_TEST(rig.core.overdue(rig.now + seconds(3)));
  BOOST_TEST((rig.core.state() == Health::unknown));
  rig.core.finished({Verdict::good, ""}, rig.now + seconds(4));  // too late: nobody asked
  BOOST_TEST((rig.core.state() == Health::unknown));
  BOOST_TEST(!rig.core.overdue(rig.now + seconds(9)));
}

BOOST_AUTO_TEST_CASE(probes_start_every_interval_and_missed_ones_are_not_made_up_for) {
  Rig rig;
  const MonoTime begin = rig.now;
  BOOST_TEST(rig.core.start(begin));
  rig.core.finished({Verdict::good, ""}, begin + seconds(1));
  BOOST_TEST(!rig.core.start(begin + seconds(4)));
  BOOST_TEST((rig.core.next_deadline() == begin + seconds(5)));
  BOOST_TEST(rig.core.start(begin + seconds(60)));
  rig.core.finished({Verdict::good, ""}, begin + seconds(60));
  BOOST_TEST(!rig.core.start(begin + seconds(64)));
  BOOST_TEST((rig.core.next_deadline() == begin + seconds(65)));
}

BOOST_AUTO_TEST_SUITE_END()
