#include "master/http_desk.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/master/allocation_count.hh"
#include "tests/unit/master/http_fixture.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using master::HttpStream;
using Wait = HttpStream::Wait;

namespace {

struct Fixture : test::HttpScene {
  /// "302 http://nyc.example.test/": the status, and the Location where there is one.
  std::string got(std::string_view request) {
    std::string answer = said(request);
    if (answer.size() < 12) return answer;
    const std::string status = answer.substr(9, 3);
    const auto at = answer.find("Location: ");
    return at == std::string::npos ? status
                                   : status + " " + answer.substr(at + 10, answer.find("\r\n", at) - at - 10);
  }
  std::string get(const std::string& path, const std::string& host = "www.example.test") {
    return got("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  }
};

bool has(const std::string& answer, const std::string& part) {
  return answer.find(part) != std::string::npos;
}
bool whole(const std::string& answer) {
  return answer.ends_with("\r\n\r\n");
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(http_desk, Fixture)

BOOST_AUTO_TEST_CASE(a_bound_client_is_redirected_to_its_server) {
  BOOST_TEST(said("GET /a?b=c HTTP/1.1\r\nHost: www.example.test\r\n\r\n") ==
             "HTTP/1.1 302 Found\r\nLocation: http://nyc.example.test/a?b=c\r\n"
             "Cache-Control: private, max-age=60\r\nContent-Length: 0\r\n\r\n");
  BOOST_TEST(desk.led(0, 1) == 1U);
  BOOST_TEST(desk.counters().bound.get() == 1U);
  BOOST_TEST(desk.counters().answers(302) == 1U);
}

BOOST_AUTO_TEST_CASE(a_guess_is_not_to_be_kept) {
  client = *parse_ip("203.0.113.9");
  const std::string answer = said("GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n");
  BOOST_TEST(has(answer, "Cache-Control: no-store\r\n"));
  BOOST_TEST(desk.counters().learning.get() == 1U);
}

BOOST_AUTO_TEST_CASE(a_unique_name_gets_an_empty_answer_and_is_counted) {
  const std::string answer = said("GET /pixel?1 HTTP/1.1\r\nHost: 4f9a61c0d2b7.u.example.test\r\n\r\n");
  BOOST_TEST(answer.starts_with("HTTP/1.1 200 "));
  BOOST_TEST(has(answer, "Cache-Control: no-store\r\n"));
  BOOST_TEST(has(answer, "Content-Length: 0\r\n"));
  BOOST_TEST(get("/", "4F9A61C0D2B7.U.EXAMPLE.TEST.:8080") == "200");
  BOOST_TEST(desk.counters().unique.get() == 2U);
  BOOST_TEST(get("/", "short.u.example.test") == "404");
  BOOST_TEST(get("/", "u.example.test") == "404");
  BOOST_TEST(desk.counters().unique.get() == 2U);
  BOOST_TEST(desk.counters().unknown_host.get() == 2U);
}

BOOST_AUTO_TEST_CASE(each_form_of_a_request_gets_what_it_should) {
  struct Case {
    const char* request;
    const char* expected;
  };
  const std::vector<Case> cases = {
      {"GET / HTTP/1.1\r\nHost: WWW.Example.Test:8080\r\n\r\n", "302 http://nyc.example.test/"},
      {"GET / HTTP/1.1\r\nHost: www.example.test.\r\n\r\n", "302 http://nyc.example.test/"},
      {"GET / HTTP/1.1\r\nHost: a.b.x.test\r\n\r\n", "302 http://nyc.example.test/"},
      {"GET http://www.example.test/a HTTP/1.1\r\nHost: other.test\r\n\r\n", "302 http://nyc.example.test/a"},
      {"GET http://other.test/a HTTP/1.1\r\nHost: www.example.test\r\n\r\n", "404"},
      {"HEAD /x HTTP/1.1\r\nHost: www.example.test\r\n\r\n", "302 http://nyc.example.test/x"},
      {"GET /x HTTP/1.0\r\nHost: www.example.test\r\n\r\n", "302 http://nyc.example.test/x"},
      {"GET /x HTTP/1.0\r\n\r\n", "404"},
      {"GET /x HTTP/1.1\r\n\r\n", "400"},
      {"GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"},
      {"GET /x HTTP/1.1\r\nHost: evil.test\r\n\r\n", "404"},
      {"GET /x HTTP/1.1\r\nHost: www.example.test@evil.test\r\n\r\n", "400"},
      {"POST /x HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 0\r\n\r\n",
       "307 http://nyc.example.test/x"},
      {"OPTIONS * HTTP/1.1\r\nHost: www.example.test\r\n\r\n", "200"},
      {"TRACE / HTTP/1.1\r\nHost: www.example.test\r\n\r\n", "405"},
      {"CONNECT www.example.test:443 HTTP/1.1\r\nHost: www.example.test\r\n\r\n", "501"},
      {"BREW / HTTP/1.1\r\nHost: www.example.test\r\n\r\n", "501"},
      {"get / HTTP/1.1\r\nHost: www.example.test\r\n\r\n", "501"},
      {"GET / HTTP/2.0\r\nHost: www.example.test\r\n\r\n", "505"},
      {"GET /\nHost: www.example.test\n\n", "400"},
      {"OPTIONS rtsp://www.example.test/ RTSP/1.0\r\nCSeq: 1\r\n\r\n", "505"},
      {"\x16\x03\x01\x02\n", "400"}};
  for (const Case& each : cases) BOOST_TEST(got(each.request) == each.expected, each.request);
}

BOOST_AUTO_TEST_CASE(no_path_leads_elsewhere) {
  for (const char* const path : {"//evil.test/", "/\\evil.test", "/%2f%2fevil.test", "///", "/..//evil.test",
                                 "/?http://evil.test", "/@evil.test", "/:80@evil.test", "/\xff\xfe"})
    BOOST_TEST(get(path).starts_with("302 http://nyc.example.test/"), path);
  BOOST_TEST(get("//evil.test/") == "302 http://nyc.example.test/evil.test/");
  BOOST_TEST(get("http:evil.test") == "400");
}

BOOST_AUTO_TEST_CASE(an_answer_to_head_has_no_content_and_the_same_length) {
  const std::string get = said("GET /x HTTP/1.1\r\nHost: nobody.test\r\n\r\n");
  const std::string head = said("HEAD /x HTTP/1.1\r\nHost: nobody.test\r\n\r\n");
  BOOST_TEST(whole(head));
  BOOST_TEST(!whole(get));
  BOOST_TEST(get.starts_with(head));
}

BOOST_AUTO_TEST_CASE(a_connection_ends_when_its_client_cannot_use_it_again) {
  const auto closes = [&](const std::string& fields, const char* version = "1.1") {
    HttpStream stream(limits, 1000);
    const auto [answer, wait] = said(
        stream, std::string("GET / HTTP/") + version + "\r\nHost: www.example.test\r\n" + fields + "\r\n");
    BOOST_TEST((wait == Wait::end) == has(answer, "Connection: close\r\n"));
    BOOST_TEST((wait == Wait::end) == !has(answer, "keep-alive"), answer);
    return wait == Wait::end;
  };
  BOOST_TEST(closes("Connection: close\r\n"));
  BOOST_TEST(closes("", "1.0"));
  BOOST_TEST(!closes("Connection: keep-alive\r\n", "1.0"));
  const std::string again = said("GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n");
  BOOST_TEST(!has(again, "Connection"));
}

BOOST_AUTO_TEST_CASE(while_nobody_is_fit_the_service_says_what_is_answered) {
  snapshot.services[0].nobody_fit = true;
  publish();
  BOOST_TEST(get("/") == "302 http://nyc.example.test/");  // "all"
  snapshot.services[0].refuse = true;
  publish();
  const std::string refused = said("GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n");
  BOOST_TEST(refused.starts_with("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n"));
  snapshot.services[0].refuse = false;
  config.services[0].director.all_down = {director::AllDown::What::addresses,
                                          {*parse_ip("2001:db8::99"), *parse_ip("192.0.2.99")}};
  publish();
  BOOST_TEST(get("/x") == "302 http://192.0.2.99/x");
  client = *parse_ip("2001:db8:5::1");
  BOOST_TEST(get("/x") == "302 http://[2001:db8::99]/x");
  BOOST_TEST(desk.counters().nobody_fit.get() == 4U);
}

BOOST_AUTO_TEST_CASE(servers_that_are_not_fit_or_have_no_location_are_passed_over) {
  view.fit = 0b101;
  config.services[0].slaves[0].location.clear();
  publish();
  BOOST_TEST(get("/") == "302 http://sin.example.test/");
  view.fit = 0b001;
  publish();
  BOOST_TEST(get("/") == "503");
  snapshot.services[0].view = nullptr;
  desk.take_over(std::make_shared<const master::Snapshot>(snapshot));
  BOOST_TEST(get("/") == "503");
}

BOOST_AUTO_TEST_CASE(statuses_are_as_configured) {
  config.services[0].http.status = 301;
  config.services[0].http.status_other = 308;
  publish();
  BOOST_TEST(get("/") == "301 http://nyc.example.test/");
  BOOST_TEST(got("DELETE / HTTP/1.1\r\nHost: www.example.test\r\n\r\n") == "308 http://nyc.example.test/");
}

BOOST_AUTO_TEST_CASE(the_date_is_told_as_http_has_it) {
  desk.set_date(RealTime(std::chrono::seconds(784111777)));  // RFC 9110 §5.6.7
  BOOST_TEST(has(said("GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n"),
                 "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
}

BOOST_AUTO_TEST_CASE(an_answer_allocates_nothing) {
  const std::string request =
      "GET /a/path/that/is/longer/than/any/short/string?a=b HTTP/1.1\r\nHost: "
      "www.example.test\r\nUser-Agent: a browser\r\nAccept: */*\r\n\r\n";
  HttpStream stream(limits, 1000);
  const std::size_t before = test::allocations();
  for (int i = 0; i < 100; ++i) {
    ByteWriter out(room);
    (void)stream.take(request, desk, client, MonoTime(), out);
  }
  BOOST_TEST(test::allocations() == before);
  BOOST_TEST(desk.counters().answers(302) == 100U);
}

BOOST_AUTO_TEST_CASE(rtsp_clients_are_redirected_in_their_own_words) {
  test::HttpScene rtsp(nullptr, master::WebScheme::rtsp);
  BOOST_TEST(rtsp.said("DESCRIBE rtsp://www.example.test/a?b=c RTSP/1.0\r\nCSeq: 7\r\n\r\n") ==
             "RTSP/1.0 302 Found\r\nCSeq: 7\r\nLocation: rtsp://nyc.example.test/a?b=c\r\n"
             "Cache-Control: private, max-age=60\r\nContent-Length: 0\r\n\r\n");
  BOOST_TEST(rtsp.said("SETUP rtsp://x.x.test/a RTSP/2.0\r\nCSeq: 8\r\nConnection: close\r\n\r\n") ==
             "RTSP/2.0 302 Found\r\nCSeq: 8\r\nLocation: rtsp://nyc.example.test/a\r\n"
             "Cache-Control: no-cache\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  BOOST_TEST(rtsp.desk.counters().answers(302) == 2U);
}

BOOST_AUTO_TEST_CASE(rtsp_clients_hear_what_may_be_asked_here) {
  test::HttpScene rtsp(nullptr, master::WebScheme::rtsp);
  const auto status = [&](const std::string& method, const std::string& uri = "rtsp://www.example.test/") {
    return rtsp.said(method + " " + uri + " RTSP/1.0\r\nCSeq: 1\r\n\r\n").substr(0, 12);
  };
  BOOST_TEST(has(rtsp.said("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
                 "RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE, ANNOUNCE, SETUP\r\n"));
  BOOST_TEST(status("OPTIONS") == "RTSP/1.0 200");
  for (const char* const method : {"PLAY", "PAUSE", "RECORD", "TEARDOWN"})
    BOOST_TEST(status(method) == "RTSP/1.0 454");
  BOOST_TEST(status("REDIRECT") == "RTSP/1.0 501");
  BOOST_TEST(status("DESCRIBE", "rtsp://nobody.test/") == "RTSP/1.0 404");
  BOOST_TEST(has(rtsp.said("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "RTSP/1.0 505 Version Not Supported\r\n"));
  BOOST_TEST(has(rtsp.said("DESCRIBE rtsp://a/ RTSP/1.0\r\nCSeq: 1\r\nX: " + std::string(1100, 'x')),
                 "RTSP/1.0 400 "));
}

BOOST_AUTO_TEST_CASE(over_tls_redirects_keep_the_scheme) {
  test::HttpScene https(nullptr, master::WebScheme::https);
  BOOST_TEST(has(https.said("GET /a HTTP/1.1\r\nHost: www.example.test\r\n\r\n"),
                 "Location: https://nyc.example.test/a\r\n"));
}

BOOST_AUTO_TEST_SUITE_END()
