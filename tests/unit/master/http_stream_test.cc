#include "master/http_stream.hh"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/master/http_fixture.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using master::HttpStream;
using Wait = HttpStream::Wait;

namespace {

const std::string kGet = "GET /x HTTP/1.1\r\nHost: www.example.test\r\n\r\n";

unsigned answers(const std::string& text, const std::string& status) {
  unsigned n = 0;
  for (auto at = text.find("HTTP/1.1 " + status); at != std::string::npos;
       at = text.find("HTTP/1.1 " + status, at + 1))
    ++n;
  return n;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(http_stream, test::HttpScene)

BOOST_AUTO_TEST_CASE(requests_that_come_together_are_answered_in_their_order) {
  std::string all;
  for (int i = 0; i < 50; ++i)
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: www.example.test\r\n\r\n";
  const std::string whole = said(all);
  BOOST_TEST(answers(whole, "302") == 50U);
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = whole.find("Location: http://nyc.example.test/" + std::to_string(i) + "\r\n", at);
    BOOST_REQUIRE(at != std::string::npos);
  }
  for (const std::size_t step : {1U, 3U, 64U}) BOOST_TEST(said(all, step) == whole);
}

BOOST_AUTO_TEST_CASE(answers_wait_for_room) {
  const std::string all = kGet + kGet + kGet;
  HttpStream stream(limits, 1000);
  std::vector<std::uint8_t> little(desk.most() + 10);
  ByteWriter out(little);
  const auto first = stream.take(all, desk, client, MonoTime(), out);
  BOOST_TEST((first.wait == Wait::room));
  BOOST_TEST(first.requests == 1U);
  BOOST_TEST(first.consumed == kGet.size());
}

BOOST_AUTO_TEST_CASE(content_is_skipped_whatever_its_form) {
  const std::string sized =
      "POST / HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 27\r\n\r\nGET / "
      "HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string chunked =
      "POST / HTTP/1.1\r\nHost: www.example.test\r\nTransfer-Encoding: chunked\r\n\r\n"
      "1b\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n";
  for (const std::size_t step : {1U, 7U, 1000U}) {
    const std::string answer = said(fmt::format("{}{}{}", sized, chunked, kGet), step);
    BOOST_TEST(answers(answer, "307") == 2U);
    BOOST_TEST(answers(answer, "302") == 1U);
    BOOST_TEST(answers(answer, "4") == 0U);
  }
}

BOOST_AUTO_TEST_CASE(who_asks_before_sending_content_is_answered_and_the_connection_ends) {
  HttpStream stream(limits, 1000);
  const auto [answer, wait] = said(stream,
                                   "PUT / HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 9\r\n"
                                   "Expect: 100-continue\r\n\r\n");
  BOOST_TEST((wait == Wait::end));
  BOOST_TEST(answer.find("Connection: close\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(it_is_known_what_a_connection_waits_for) {
  const auto waits = [&](const std::string& octets) {
    HttpStream stream(limits, 1000);
    return said(stream, octets).second;
  };
  BOOST_TEST((waits(kGet) == Wait::request));
  BOOST_TEST((waits(kGet + "\r\n") == Wait::request));
  BOOST_TEST((waits("\r") == Wait::header));
  BOOST_TEST((waits("G") == Wait::header));
  BOOST_TEST((waits(kGet + "GET / HT") == Wait::header));
  BOOST_TEST((waits("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12") == Wait::content));
  BOOST_TEST((waits("GET / HTTP/1.1\nHost: a\n\n") == Wait::end));
}

BOOST_AUTO_TEST_CASE(after_a_refusal_nothing_is_read) {
  const std::string answer = said(
      "POST / HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" +
      kGet);
  BOOST_TEST(answers(answer, "400") == 1U);
  BOOST_TEST(answers(answer, "302") == 0U);
  BOOST_TEST(answer.find("Connection: close\r\n") != std::string::npos);
  BOOST_TEST(desk.counters().refused.get() == 1U);
  BOOST_TEST(desk.counters().requests.get() == 0U);
}

BOOST_AUTO_TEST_CASE(a_connection_has_so_many_requests_at_most) {
  HttpStream stream(limits, 3);
  const auto [answer, wait] = said(stream, kGet + kGet + kGet + kGet);
  BOOST_TEST((wait == Wait::end));
  BOOST_TEST(answers(answer, "302") == 3U);
  BOOST_TEST(answer.find("Connection: close\r\n") > answer.rfind("HTTP/1.1 302"));
}

BOOST_AUTO_TEST_CASE(what_is_too_big_is_refused_by_its_name) {
  const auto status = [&](const std::string& octets) { return said(octets).substr(9, 3); };
  const std::string host = " HTTP/1.1\r\nHost: www.example.test\r\n";
  BOOST_TEST(status("GET /" + std::string(300, 'a') + host + "\r\n") == "414");
  BOOST_TEST(status("GET /" + std::string(3000, 'a')) == "414");
  BOOST_TEST(status("GET /" + host + "X: " + std::string(3000, 'a')) == "431");
  BOOST_TEST(status("POST /" + host + "Content-Length: 5000\r\n\r\n") == "413");
}

BOOST_AUTO_TEST_SUITE_END()
