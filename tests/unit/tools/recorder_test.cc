#include "tools/recorder.hh"

#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <deque>
#include <fstream>

#include "tools/rows_source.hh"

using namespace std::chrono_literals;
using namespace flagfall;         // NOLINT(*-using-namespace)
using namespace flagfall::tools;  // NOLINT(*-using-namespace)

namespace {

delay::RowsHeader header(std::uint64_t next, std::uint64_t missed = 0) {
  delay::RowsHeader out;
  out.service = "web";
  out.slaves = {"fra", "nyc"};
  out.delay = 25ms;
  out.instance = 0xabc;
  out.next = next;
  out.missed = missed;
  return out;
}

std::string body(const delay::RowsHeader& head, std::uint64_t first, int rows) {
  std::string out;
  delay::write_header(out, head);
  for (int i = 0; i < rows; ++i)
    delay::write_row(out, RealTime(1s), first + static_cast<std::uint64_t>(i),
                     std::array{Nanos(5ms), Nanos(6ms)});
  return out;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

/// A file that goes away.
struct File {
  explicit File(const std::string& text) {
    const int fd = mkstemp(path.data());
    BOOST_REQUIRE(fd >= 0);
    (void)close(fd);
    std::ofstream(path, std::ios::binary) << text;
  }
  ~File() { (void)std::remove(path.c_str()); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::string path = "/tmp/flagfall-rows-XXXXXX";
};

}  // namespace

BOOST_AUTO_TEST_SUITE(recorder)

BOOST_AUTO_TEST_CASE(it_begins_now_and_goes_on_where_it_was) {
  Recorder recorder("a service", 100);
  BOOST_TEST(recorder.path() == "/rows?service=a%20service&after=now");
  BOOST_REQUIRE(recorder.take(body(header(500), 0, 0)).ok());
  BOOST_TEST(recorder.path() == "/rows?service=a%20service&after=500&instance=0000000000000abc");
  BOOST_TEST(!recorder.behind());
  BOOST_REQUIRE(recorder.take(body(header(503), 1, 3)).ok());
  BOOST_TEST(recorder.races() == 3U);
  BOOST_TEST(recorder.behind());
  BOOST_TEST(recorder.path() == "/rows?service=a%20service&after=503&instance=0000000000000abc");
}

BOOST_AUTO_TEST_CASE(a_header_is_written_when_it_says_something_new) {
  Recorder recorder("web", 100);
  std::string file;
  const auto take = [&](const delay::RowsHeader& head, std::uint64_t first, int rows) {
    const auto lines = recorder.take(body(head, first, rows));
    BOOST_REQUIRE(lines.ok());
    file += *lines;
  };
  take(header(10), 0, 0);
  take(header(12), 1, 2);
  delay::RowsHeader weighed = header(13);
  weighed.weights = {1, 2};
  weighed.networks = 3;
  weighed.bound = 400us;
  take(weighed, 3, 1);
  BOOST_TEST(count(file, "flagfall") == 1U);  // weights and bounds come at the end
  delay::RowsHeader moved = header(14, 7);
  moved.delay = 31ms;
  take(moved, 4, 1);
  BOOST_TEST(count(file, "flagfall") == 2U);
  file += recorder.last_header();
  delay::RowsReader reader;
  bool cut = false;
  BOOST_REQUIRE(delay::read_rows(file, reader, cut).ok());
  BOOST_TEST(reader.table().races() == 4U);
  BOOST_TEST(reader.missed() == 7U);
  BOOST_TEST(recorder.missed() == 7U);
  BOOST_CHECK(reader.header()->bound == 400us);  // the largest
}

BOOST_AUTO_TEST_CASE(a_restart_of_the_master_is_counted_and_its_rows_go_on) {
  Recorder recorder("web", 100);
  BOOST_REQUIRE(recorder.take(body(header(500), 0, 0)).ok());
  delay::RowsHeader other = header(2);
  other.instance = 0xdef;
  const auto lines = recorder.take(body(other, 70, 2));
  BOOST_REQUIRE(lines.ok());
  BOOST_TEST(count(*lines, "flagfall") == 1U);
  BOOST_TEST(recorder.restarts() == 1U);
  BOOST_TEST(recorder.path() == "/rows?service=web&after=2&instance=0000000000000def");
}

BOOST_AUTO_TEST_CASE(it_ends_with_as_many_races_as_were_wanted) {
  Recorder recorder("web", 4);
  BOOST_REQUIRE(recorder.take(body(header(0), 0, 0)).ok());
  BOOST_TEST(!recorder.full());
  const auto lines = recorder.take(body(header(9), 1, 9));
  BOOST_REQUIRE(lines.ok());
  BOOST_TEST(count(*lines, "needed_us") == 4U);
  BOOST_TEST(recorder.full());
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_is_an_error_and_changes_nothing) {
  Recorder recorder("web", 100);
  BOOST_REQUIRE(recorder.take(body(header(500), 0, 0)).ok());
  delay::RowsHeader others = header(501);
  others.slaves = {"sin"};
  const std::string whole = body(header(501), 1, 1);
  for (const std::string& bad : {std::string(), std::string("{}\n"), whole + "nonsense\n",
                                 whole.substr(0, whole.size() - 3), body(others, 1, 0)})
    BOOST_TEST(!recorder.take(bad).ok(), bad);
  BOOST_TEST(recorder.races() == 0U);
  BOOST_TEST(recorder.path() == "/rows?service=web&after=500&instance=0000000000000abc");
}

BOOST_AUTO_TEST_CASE(a_live_master_is_asked_piece_by_piece) {
  std::deque<std::string> answers = {body(header(3), 1, 3), body(header(5), 4, 2), body(header(5), 0, 0)};
  std::vector<std::string> asked;
  const auto rows = rows_from_master("web", [&](const std::string& path) -> Result<std::string> {
    asked.push_back(path);
    std::string answer = answers.front();
    answers.pop_front();
    return answer;
  });
  BOOST_REQUIRE(rows.ok());
  BOOST_TEST(rows->reader.table().races() == 5U);
  BOOST_TEST(asked == std::vector<std::string>({"/rows?service=web&after=0&instance=0000000000000000",
                                                "/rows?service=web&after=3&instance=0000000000000abc",
                                                "/rows?service=web&after=5&instance=0000000000000abc"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_master_that_sends_rows_without_end_is_left) {
  std::uint64_t next = 0;
  const auto rows = rows_from_master("web", [&](const std::string&) -> Result<std::string> {
    ++next;
    return body(header(next), next, 1);
  });
  BOOST_REQUIRE(!rows.ok());
  BOOST_TEST(rows.error() == "the master's rows do not end");
}

BOOST_AUTO_TEST_CASE(what_the_master_refuses_is_passed_on) {
  const auto rows = rows_from_master("web", [](const std::string&) -> Result<std::string> {
    return Error{"no service 'web'; there are: api"};
  });
  BOOST_REQUIRE(!rows.ok());
  BOOST_TEST(rows.error() == "no service 'web'; there are: api");
}

BOOST_AUTO_TEST_CASE(a_file_is_read_and_its_faults_name_file_and_line) {
  const File good(body(header(3), 1, 3));
  const auto rows = rows_from_file(good.path, "web");
  BOOST_REQUIRE(rows.ok());
  BOOST_TEST(rows->reader.table().races() == 3U);
  BOOST_TEST(!rows->cut);
  BOOST_TEST(rows_from_file(good.path, "").ok());
  BOOST_TEST(rows_from_file(good.path, "api").error() ==
             good.path + ": its rows are of service 'web', not of 'api'");
  const File cut(body(header(3), 1, 3) + "{\"at_ms\":1");
  BOOST_REQUIRE(rows_from_file(cut.path, "").ok());
  BOOST_TEST(rows_from_file(cut.path, "")->cut);
  const File bad(body(header(3), 1, 3) + "{}\n");
  BOOST_TEST(rows_from_file(bad.path, "").error().starts_with(bad.path + ":5: 'race' is missing"));
  const File endless(std::string(delay::kMostRowLine + 2, 'x'));
  BOOST_TEST(rows_from_file(endless.path, "").error() == endless.path + ":1: the line is too long for a row");
  const File empty("");
  BOOST_TEST(rows_from_file(empty.path, "").error().starts_with(empty.path + ": no header"));
  BOOST_TEST(rows_from_file("/nowhere/rows", "").error() == "/nowhere/rows: No such file or directory");
  BOOST_TEST(!rows_from_file("/", "").ok());
}

BOOST_AUTO_TEST_SUITE_END()
