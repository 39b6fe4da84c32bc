#include "tools/tune_text.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "common/base/random.hh"
#include "delay/tune_json.hh"
#include "tools/tune_svg.hh"

using namespace std::chrono_literals;
using namespace flagfall;         // NOLINT(*-using-namespace)
using namespace flagfall::tools;  // NOLINT(*-using-namespace)

namespace {

delay::RowsHeader header() {
  delay::RowsHeader out;
  out.service = "web";
  out.slaves = {"fra", "nyc", "never"};
  out.delay = 25ms;
  return out;
}

/// Ways of 8 and 16 ms, with tails; the third slave never races.
delay::Tune sample(const delay::TuneOptions& options = {.current = 25ms}) {
  delay::NeedsTable rows(3);
  SeededRandom random(1);
  const auto way = [&](double least) {
    return Nanos(std::llround((least - std::log(1 - random.unit())) * 1e6));
  };
  for (int i = 0; i < 2000; ++i) rows.add(std::array{way(8), way(16), delay::NeedsTable::kAbsent});
  return delay::tune(rows, options);
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

/// Characters of UTF-8; the text must be whole.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tune_text)

BOOST_AUTO_TEST_CASE(the_table_marks_the_recommended_and_the_present_delay) {
  const delay::Tune tune = sample();
  const std::string text = tools::tune_text(tune, header());
  BOOST_TEST(holds(text, "service web: 2000 races; wanted: every slave on time in 99.00 % of them"));
  const auto all = lines(text);
  const auto marked = [&](const char* mark) {
    return std::ranges::count_if(all, [&](const std::string& line) { return line.ends_with(mark); });
  };
  BOOST_TEST(marked("<= recommended") == 1);
  BOOST_TEST(marked("<= now") == 1);
  const double best = std::chrono::duration<double, std::milli>(tune.recommended()->delay).count();
  BOOST_TEST(holds(text, "recommended: delay = \"" + std::to_string(best).substr(0, 4) + "ms\""));
  BOOST_TEST(holds(text, "each slave counted alike, as no verdicts are known"));
}

BOOST_AUTO_TEST_CASE(what_is_not_all_does_not_look_like_all) {
  delay::NeedsTable rows(3);
  for (int i = 0; i < 100000; ++i)
    rows.add(std::array{i == 0 ? Nanos(90ms) : Nanos(10ms), delay::NeedsTable::kAbsent,
                        delay::NeedsTable::kAbsent});
  const std::string text = tools::tune_text(delay::tune(rows, {}), header());
  BOOST_TEST(holds(text, "  99.99"));
  BOOST_TEST(holds(text, " 100.00"));
}

BOOST_AUTO_TEST_CASE(few_races_verdicts_and_slaves_that_count_are_said) {
  delay::RowsHeader rows = header();
  rows.networks = 12;
  delay::TuneOptions options;
  options.on_time = 0.999;
  options.trade.nearest = 1;
  const std::string text = tools::tune_text(sample(options), rows);
  BOOST_TEST(holds(text, "wanted: fra on time in 99.90 % of them"));
  BOOST_TEST(holds(text, "by verdicts from 12 client networks"));
  BOOST_TEST(holds(text, "too few races to be sure of 99.90 %: 10000 would do"));
}

BOOST_AUTO_TEST_CASE(without_races_nothing_is_recommended) {
  const delay::Tune none = delay::tune(delay::NeedsTable(3), {});
  const std::string text = tools::tune_text(none, header());
  BOOST_TEST(holds(text, "no races yet"));
  BOOST_TEST(!holds(text, "recommended"));
  BOOST_TEST(tune_plot(none, header(), {}).empty());
  BOOST_TEST(holds(tune_svg(none, header()), "no races yet"));
}

BOOST_AUTO_TEST_CASE(the_plot_is_as_wide_as_the_terminal) {
  for (const std::size_t columns : {1U, 40U, 80U, 133U}) {
    const PlotSize size{.columns = columns, .rows = 10};
    const auto all =
        lines(tune_plot(sample({.current = 25ms, .curve_points = plot_points(size)}), header(), size));
    // A title, the chart, its axis and two labels, a strip for each slave that has raced.
    BOOST_REQUIRE_EQUAL(all.size(), 1 + 10 + 2 + 2U);
    const std::size_t wide = std::max<std::size_t>(columns, kLeastPlot) - 1;
    for (std::size_t i = 1; i < all.size(); ++i) BOOST_TEST(width(all[i]) == wide, all[i]);
  }
}

BOOST_AUTO_TEST_CASE(the_curve_begins_at_the_bottom_and_ends_at_the_top) {
  const PlotSize size{.columns = 60, .rows = 8};
  const auto all =
      lines(tune_plot(sample({.current = 25ms, .curve_points = plot_points(size)}), header(), size));
  BOOST_TEST(all[1].starts_with("100 % ┤"));
  BOOST_TEST(all[1].ends_with("⠉"));
  BOOST_TEST(all[8].starts_with("  0 % ┤⣀"));
  BOOST_TEST(holds(all[9], "┴"));  // where the recommended delay is
  BOOST_TEST(holds(all[4], "┊"));  // where the present one is
  BOOST_TEST(all[11].starts_with("fra    "));
  BOOST_TEST(all[11].ends_with("█"));
}

BOOST_AUTO_TEST_CASE(colour_is_only_where_it_is_wanted) {
  PlotSize size;
  BOOST_TEST(!holds(tune_plot(sample(), header(), size), "\x1b"));
  size.colour = true;
  BOOST_TEST(holds(tune_plot(sample(), header(), size), "\x1b[32m"));
}

BOOST_AUTO_TEST_CASE(a_name_cannot_steer_a_terminal_or_end_a_tag) {
  delay::RowsHeader rows = header();
  rows.service = "<script>&\"";
  rows.slaves[0] = "\x1b[2J</text>";
  const std::string plot = tune_plot(sample(), rows, {});
  BOOST_TEST(!holds(plot, "\x1b"));
  const std::string svg = tune_svg(sample(), rows);
  BOOST_TEST(!holds(svg, "\x1b"));
  BOOST_TEST(!holds(svg, "<script"));
  BOOST_TEST(holds(svg, "&lt;script&gt;&amp;&quot;: what a delay buys"));
  BOOST_TEST(holds(svg, " [2J&lt;/text&gt;"));
}

BOOST_AUTO_TEST_CASE(the_picture_has_a_line_for_the_races_and_for_each_slave_that_raced) {
  const std::string svg = tune_svg(sample({.current = 25ms, .curve_points = kSvgPoints}), header());
  std::size_t curves = 0;
  for (std::size_t at = svg.find("<polyline"); at != std::string::npos; at = svg.find("<polyline", at + 1))
    ++curves;
  BOOST_TEST(curves == 3U);
  BOOST_TEST(holds(svg, ">recommended "));
  BOOST_TEST(holds(svg, ">now 25.0 ms: "));
  BOOST_TEST(holds(svg, ">nyc</text>"));
  BOOST_TEST(!holds(svg, ">never</text>"));
  BOOST_TEST(!holds(svg, "nan"));
  BOOST_TEST(!holds(svg, "inf"));
  BOOST_TEST(svg.ends_with("</svg>\n"));
}

BOOST_AUTO_TEST_SUITE_END()
