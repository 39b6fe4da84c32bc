#include "delay/rows_file.hh"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "delay/tune_json.hh"

using namespace std::chrono_literals;
using namespace flagfall::delay;  // NOLINT(*-using-namespace)
using flagfall::from_ns;
using flagfall::Nanos;
using flagfall::RealTime;
using Json = nlohmann::json;

namespace {

constexpr Nanos kNone = NeedsTable::kAbsent;

RowsHeader header() {
  RowsHeader h;
  h.service = "web";
  h.slaves = {"fra", "nyc"};
  h.delay = 25ms;
  h.on_time = 0.995;
  h.bound = 850us;
  h.weights = {3, 1};
  h.networks = 4;
  h.instance = 0xfedcba9876543210;
  h.next = 12;
  h.missed = 2;
  return h;
}

std::string text(const RowsHeader& h = header(), std::uint64_t race = 1) {
  std::string out;
  write_header(out, h);
  write_row(out, from_ns<RealTime>(1'763'000'000'123'456'789), race,
            std::array{Nanos(6'120'123), Nanos(12ms)});
  write_row(out, from_ns<RealTime>(1'763'000'001'000'000'000), race + 1, std::array{kNone, Nanos(0)});
  return out;
}

std::string with(const char* key, const Json& value) {
  Json h = Json::parse(text().substr(0, text().find('\n')));
  if (value.is_discarded())
    h.erase(key);
  else
    h[key] = value;
  return h.dump();
}

std::string error_of(const std::string& lines) {
  RowsReader reader;
  bool cut = false;
  const flagfall::Status read = read_rows(lines, reader, cut);
  return read ? std::string() : read.error();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rows_file)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_to_the_nanosecond) {
  RowsReader reader;
  bool cut = true;
  BOOST_REQUIRE(read_rows(text(), reader, cut).ok());
  BOOST_TEST(!cut);
  BOOST_CHECK(*reader.header() == header());
  BOOST_REQUIRE(reader.table().races() == 2);
  BOOST_CHECK(reader.table().race(0)[0] == Nanos(6'120'123));
  BOOST_CHECK(reader.table().race(0)[1] == 12ms);
  BOOST_CHECK(reader.table().race(1)[0] == kNone);
  BOOST_CHECK(reader.table().race(1)[1] == Nanos(0));
  BOOST_CHECK(reader.last() - reader.first() == 877ms);
  BOOST_TEST(reader.missed() == 2U);
}

BOOST_AUTO_TEST_CASE(what_a_header_may_leave_out_is_nothing) {
  RowsReader reader;
  for (const char* key : {"on_time", "weights", "nearest", "networks", "missed", "one_in", "bound_ms"})
    BOOST_TEST(RowsReader().line(with(key, Json(Json::value_t::discarded))).ok(), key);
  BOOST_REQUIRE(reader.line(with("weights", nullptr)).ok());
  BOOST_TEST(reader.header()->weights.empty());
}

BOOST_AUTO_TEST_CASE(a_race_that_comes_twice_counts_once) {
  RowsReader reader;
  bool cut = false;
  BOOST_REQUIRE(read_rows(text() + text(), reader, cut).ok());
  BOOST_TEST(reader.table().races() == 2U);
  BOOST_TEST(reader.repeated() == 2U);
  BOOST_TEST(reader.missed() == 4U);
}

BOOST_AUTO_TEST_CASE(rows_go_on_after_a_restart_of_the_master_and_with_another_delay) {
  RowsHeader later = header();
  later.instance = 1;
  later.delay = 31ms;
  RowsReader reader;
  bool cut = false;
  BOOST_REQUIRE(read_rows(text() + text(later, 77), reader, cut).ok());
  BOOST_TEST(reader.table().races() == 4U);
  BOOST_TEST(reader.restarts() == 1U);
  BOOST_CHECK(reader.header()->delay == 31ms);
}

BOOST_AUTO_TEST_CASE(another_service_or_other_slaves_are_not_mixed_in) {
  RowsHeader other = header();
  other.slaves = {"fra", "sin"};
  BOOST_TEST(error_of(text() + text(other, 9)).find("line 4: the rows go on with another service") == 0U);
}

BOOST_AUTO_TEST_CASE(a_last_line_that_was_cut_off_is_left_out) {
  const std::string whole = text();
  RowsReader reader;
  bool cut = false;
  BOOST_REQUIRE(read_rows(std::string_view(whole).substr(0, whole.size() - 7), reader, cut).ok());
  BOOST_TEST(cut);
  BOOST_TEST(reader.table().races() == 1U);
}

BOOST_AUTO_TEST_CASE(errors_say_the_line_and_what_is_wrong) {
  BOOST_TEST(error_of("").find("no header") == 0U);
  BOOST_TEST(error_of("{\"flagfall\":").find("no header") == 0U);
  BOOST_TEST(error_of("nonsense\n") == "line 1: no JSON object");
  BOOST_TEST(error_of("{}\n").find("line 1: these are no rows of flagfall") == 0U);
  BOOST_TEST(error_of("[1]\n") == "line 1: no JSON object");
  BOOST_TEST(error_of(with("version", 2) + "\n").find("rows of version 2, and this program knows 1") !=
             std::string::npos);
  BOOST_TEST(error_of(text() + "{\"race\":\"7\",\"at_ms\":1}\n") ==
             "line 4: 'needed_us' is missing, or not what it should be");
  BOOST_TEST(error_of(text() + std::string(kMostRowLine + 1, ' ') + "\n") ==
             "line 4: the line is too long for a row");
}

BOOST_AUTO_TEST_CASE(hostile_headers_are_errors) {
  Json huge = Json::array();
  for (std::size_t i = 0; i <= NeedsTable::kMostColumns; ++i) huge.push_back(std::to_string(i));
  const std::vector<std::pair<const char*, Json>> bad = {{"version", "1"},
                                                         {"version", 1.5},
                                                         {"service", nullptr},
                                                         {"service", ""},
                                                         {"service", "a\x1b[2J"},
                                                         {"service", std::string(256, 'a')},
                                                         {"slaves", Json::array()},
                                                         {"slaves", huge},
                                                         {"slaves", {1, 2}},
                                                         {"slaves", {"fra", "fra"}},
                                                         {"slaves", {"a\n", "b"}},
                                                         {"delay_ms", -1},
                                                         {"delay_ms", 1e300},
                                                         {"delay_ms", "25ms"},
                                                         {"bound_ms", -0.5},
                                                         {"on_time", 1.01},
                                                         {"nearest", NeedsTable::kMostColumns + 1},
                                                         {"late", "maybe"},
                                                         {"late", 3},
                                                         {"weights", {1}},
                                                         {"weights", {-1, 1}},
                                                         {"weights", {"a", "b"}},
                                                         {"weights", 3},
                                                         {"instance", "xyz"},
                                                         {"instance", 7},
                                                         {"instance", "00000000000000001"},
                                                         {"missed", -1},
                                                         {"missed", 1e30},
                                                         {"next", "12"},
                                                         {"one_in", Json::array()}};
  for (const auto& [key, value] : bad) {
    RowsReader reader;
    const std::string line = with(key, value);
    BOOST_TEST(!reader.line(line).ok(), line);
    BOOST_TEST(reader.header() == nullptr);
  }
}

BOOST_AUTO_TEST_CASE(hostile_rows_are_errors) {
  for (const char* row :
       {R"({"at_ms":1,"race":"g","needed_us":[1,2]})", R"({"at_ms":1,"race":7,"needed_us":[1,2]})",
        R"({"at_ms":1,"needed_us":[1,2]})", R"({"at_ms":-1,"race":"7","needed_us":[1,2]})",
        R"({"at_ms":1e400,"race":"7","needed_us":[1,2]})", R"({"at_ms":1,"race":"7","needed_us":[1]})",
        R"({"at_ms":1,"race":"7","needed_us":[1,2,3]})", R"({"at_ms":1,"race":"7","needed_us":[null,null]})",
        R"({"at_ms":1,"race":"7","needed_us":[1,-2]})", R"({"at_ms":1,"race":"7","needed_us":[1,"2"]})",
        R"({"at_ms":1,"race":"7","needed_us":[1,1e18]})", R"({"at_ms":1,"race":"7","needed_us":{"a":1}})",
        R"({"at_ms":1,"race":"7","needed_us":[[1],2]})", R"("needed_us")", ""}) {
    RowsReader reader;
    BOOST_REQUIRE(reader.line(with("service", "web")).ok());
    BOOST_TEST(!reader.line(row).ok(), row);
    BOOST_TEST(reader.table().races() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(deep_nesting_is_an_error_and_no_crash) {
  RowsReader reader;
  BOOST_TEST(!reader.line(std::string(kMostRowLine / 2, '[')).ok());
  BOOST_TEST(!reader.line(std::string(kMostRowLine / 2, '[') + std::string(kMostRowLine / 2, ']')).ok());
}

BOOST_AUTO_TEST_CASE(a_tune_as_json_says_what_the_command_and_the_page_show) {
  RowsReader reader;
  bool cut = false;
  BOOST_REQUIRE(read_rows(text(), reader, cut).ok());
  const TuneOptions options = tune_options(*reader.header());
  BOOST_TEST(options.on_time == 0.995);
  BOOST_CHECK(options.current == Nanos(25ms));
  const Json json = tune_json(flagfall::delay::tune(reader.table(), options), *reader.header());
  BOOST_TEST(json["service"] == "web");
  BOOST_TEST(json["races"] == 2);
  BOOST_TEST(json["recommended"]["delay_ms"] == 12.0);
  BOOST_TEST(json["recommended"]["on_time"]["share"] == 1.0);
  BOOST_TEST(json["recommended"]["slaves"]["fra"] == 1.0);
  BOOST_TEST(json["slaves"]["fra"]["races"] == 1);
  BOOST_TEST(json["wanted_races"] == 2000);
  BOOST_TEST(json["curve"]["delay_ms"].size() == 120U);
  BOOST_TEST(json["curve"]["slaves"]["nyc"].size() == 120U);
  const Json none = tune_json(flagfall::delay::tune(NeedsTable(2), options), *reader.header());
  BOOST_TEST(none["recommended"].is_null());
  BOOST_TEST(none["candidates"].empty());
  BOOST_TEST(none["slaves"]["fra"]["p50_ms"].is_null());
}

BOOST_AUTO_TEST_SUITE_END()
