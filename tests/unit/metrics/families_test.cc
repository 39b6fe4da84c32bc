#include "common/metrics/families.hh"

#include <boost/test/unit_test.hpp>

#include "common/metrics/process.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using metrics::Families;

namespace {

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(families)

BOOST_AUTO_TEST_CASE(a_family_has_its_help_once_and_all_its_samples) {
  Families out;
  out.counter("a_total", "Things", 3, {{"way", "icmp"}});
  out.gauge("b_seconds", "Time", 0.25);
  out.counter("a_total", "Things", 4, {{"way", "beacon"}});
  BOOST_TEST(
      out.text() ==
      "# HELP a_total Things\n# TYPE a_total counter\na_total{way=\"icmp\"} 3\na_total{way=\"beacon\"} 4\n"
      "# HELP b_seconds Time\n# TYPE b_seconds gauge\nb_seconds 0.25\n");
}

BOOST_AUTO_TEST_CASE(names_that_are_hostile_stay_in_their_label) {
  Families out;
  out.gauge("x", "X", 1, {{"service", "a\"} 1\nevil{b=\"\\"}});
  BOOST_TEST(out.text() == "# HELP x X\n# TYPE x gauge\nx{service=\"a\\\"} 1\\nevil{b=\\\"\\\\\"} 1\n");
}

BOOST_AUTO_TEST_CASE(a_histogram_is_cumulative_and_loses_nothing) {
  Histogram values;
  for (const Nanos value : {Nanos(100us), Nanos(900us), Nanos(4ms), Nanos(4ms), Nanos(24ms), Nanos(1h)})
    values.add(value);
  Families out;
  out.histogram("way_seconds", "Way", values, metrics::kWayBuckets, {{"slave", "fra"}});
  const std::string text = out.text();
  for (const auto* line :
       {R"(way_seconds_count{slave="fra"} 6)", R"(way_seconds_bucket{slave="fra",le="0.0005"} 1)",
        R"(way_seconds_bucket{slave="fra",le="0.001"} 2)", R"(way_seconds_bucket{slave="fra",le="0.003"} 2)",
        R"(way_seconds_bucket{slave="fra",le="0.005"} 4)", R"(way_seconds_bucket{slave="fra",le="0.02"} 4)",
        R"(way_seconds_bucket{slave="fra",le="0.03"} 5)", R"(way_seconds_bucket{slave="fra",le="5"} 5)",
        R"(way_seconds_bucket{slave="fra",le="+Inf"} 6)"})
    BOOST_TEST(holds(text, line), text << " lacks " << line);
  BOOST_TEST(text.find("+Inf") == text.rfind("+Inf"));
}

BOOST_AUTO_TEST_CASE(a_bucket_never_counts_what_is_above_its_bound_nor_misses_what_is_well_below) {
  for (const auto buckets : {metrics::kWayBuckets, metrics::kErrorBuckets})
    for (std::size_t i = 0; i < buckets.size(); ++i) {
      if (i > 0) BOOST_TEST((buckets[i - 1] < buckets[i]));
      Histogram values;
      values.add(buckets[i] + Nanos(1));
      values.add(buckets[i] + buckets[i] / 8);
      Families out;
      out.histogram("x", "X", values, buckets.subspan(i, 1));
      BOOST_TEST(holds(out.text(), "\"} 0\nx_bucket{le=\"+Inf\"} 2"), out.text());
      values.add(buckets[i] - buckets[i] / 8);
      Families more;
      more.histogram("x", "X", values, buckets.subspan(i, 1));
      BOOST_TEST(holds(more.text(), "\"} 1\nx_bucket{le=\"+Inf\"} 3"), more.text());
    }
}

BOOST_AUTO_TEST_CASE(a_process_knows_itself_and_its_certificates) {
  const metrics::ProcessFacts facts = metrics::ProcessFacts::now();
  BOOST_REQUIRE((facts.started && facts.resident_bytes && facts.open_descriptors && facts.cpu_seconds));
  const double now = metrics::in_seconds(SystemClock().real());
  BOOST_TEST(*facts.started > now - 3600);
  BOOST_TEST(*facts.started < now + 60);  // boot time is in whole seconds
  BOOST_TEST(*facts.resident_bytes > 1e5);
  BOOST_TEST(*facts.open_descriptors >= 3);
  BOOST_TEST(*facts.threads >= 1);
  Families out;
  metrics::add_build(out, "flagfall-master");
  metrics::add_process(out, facts);
  metrics::add_certificates(out,
                            {.own = RealTime(1'800'000'000s), .ca = {}, .admin = RealTime(1'900'000'000s)});
  metrics::add_admin(out, {});
  const std::string text = out.text();
  BOOST_TEST(holds(text, "flagfall_build_info{program=\"flagfall-master\",version=\""));
  BOOST_TEST(holds(text, "timestamp_seconds{certificate=\"control\"} 1800000000\n"));
  BOOST_TEST(holds(text, "timestamp_seconds{certificate=\"admin\"} 1900000000\n"));
  BOOST_TEST(!holds(text, "certificate=\"ca\""));
  BOOST_TEST(holds(text, "process_open_fds "));
}

BOOST_AUTO_TEST_SUITE_END()
