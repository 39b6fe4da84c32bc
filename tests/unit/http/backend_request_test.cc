#include "common/http/backend_request.hh"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "common/http/request_reader.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test

namespace {

const IpAddress kClient = *parse_ip("203.0.113.9");

/// What the server is asked for the client's octets; empty: nothing.
std::string written(const std::string& octets, const IpAddress& client = kClient, std::size_t room = 2000) {
  const http::RequestLimits limits;
  http::RequestReader reader(limits);
  const auto got = reader.read(octets);
  BOOST_REQUIRE(got.request);
  std::vector<std::uint8_t> bytes(room);
  ByteWriter out(bytes);
  if (!http::write_backend_request(*got.request, "www.example.test", client, out)) return {};
  std::string text(as_text(out.written()));
  BOOST_TEST(http::is_backend_request(text));
  return text;
}

const std::string kEnd = "Via: 1.1 flagfall\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n";

std::string get(const std::string& fields) {
  return "GET /a?b=c HTTP/1.1\r\nHost: WWW.example.test\r\n" + fields + "\r\n";
}
/// Of get(fields): the fields that go on.
std::string passed(const std::string& fields) {
  const std::string front = "GET /a?b=c HTTP/1.1\r\nHost: www.example.test\r\n";
  const std::string text = written(get(fields));
  BOOST_REQUIRE(text.starts_with(front));
  BOOST_REQUIRE(text.ends_with(kEnd));
  return text.substr(front.size(), text.size() - front.size() - kEnd.size());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(backend_request)

BOOST_AUTO_TEST_CASE(fields_for_the_server_go_on_and_those_of_this_hop_stay) {
  BOOST_TEST(passed("User-Agent:  curl \r\nAccept: */*\r\nCookie: a=b; c=d\r\nIf-None-Match: \"1\"\r\n") ==
             "User-Agent: curl\r\nAccept: */*\r\nCookie: a=b; c=d\r\nIf-None-Match: \"1\"\r\n");
  BOOST_TEST(passed("Keep-Alive: 5\r\nProxy-Connection: x\r\nPROXY-Authorization: x\r\nTE: trailers\r\n"
                    "Trailer: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nConnection: keep-alive\r\n"
                    "Range: bytes=0-1\r\nIf-Range: x\r\nContent-Length: 0\r\nMax-Forwards: 3\r\nA: b\r\n") ==
             "A: b\r\n");
  BOOST_TEST(passed("A: b\r\nX-Hop: 1\r\nConnection: close, x-HOP\r\nx-hop: 2\r\n") == "A: b\r\n");
}

BOOST_AUTO_TEST_CASE(who_asks_is_the_masters_to_say) {
  BOOST_TEST(passed("X-Forwarded-For: 1.2.3.4\r\nX_Forwarded_For: 1.2.3.4\r\nx-forwarded-proto: https\r\n"
                    "Forwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nx-real_ip: 1.2.3.4\r\n") == "");
  BOOST_TEST(
      written(get(""), *parse_ip("2001:db8::9")).ends_with("\r\nX-Forwarded-For: 2001:db8::9\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(the_path_has_one_slash_in_front_and_the_host_its_port) {
  BOOST_TEST(written("GET ///x HTTP/1.1\r\nHost: www.example.test:8080\r\n\r\n")
                 .starts_with("GET /x HTTP/1.1\r\nHost: www.example.test:8080\r\n"));
  BOOST_TEST(written("GET http://www.example.test/y?z HTTP/1.1\r\nHost: other.test\r\n\r\n")
                 .starts_with("GET /y?z HTTP/1.1\r\nHost: www.example.test\r\n"));
}

BOOST_AUTO_TEST_CASE(what_is_no_plain_get_is_nobodys_to_answer) {
  for (const char* const octets :
       {"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: negotiate YII=\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: NTLM TlRMTVNTUAAB\r\n\r\n",
        "GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: a\r\nConnection: b\r\n\r\n"})
    BOOST_TEST(written(octets).empty(), octets);
}

BOOST_AUTO_TEST_CASE(a_request_that_comes_back_is_not_sent_round_again) {
  BOOST_TEST(passed("Authorization: Basic YTpi\r\n") == "Authorization: Basic YTpi\r\n");
  BOOST_TEST(passed("Via: 1.0 a, 1.1 b\r\n") == "Via: 1.0 a, 1.1 b\r\n");
  BOOST_TEST(written(written(get(""))).empty());
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_not_written) {
  const std::string octets = get("A: b\r\n");
  const std::size_t size = written(octets).size();
  BOOST_TEST(written(octets, kClient, size).size() == size);
  for (std::size_t room = 0; room < size; ++room) BOOST_TEST(written(octets, kClient, room).empty());
}

BOOST_AUTO_TEST_CASE(only_one_whole_get_is_passed_on) {
  BOOST_TEST(http::is_backend_request("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  for (const char* const text : {"", "GET / HTTP/1.1\r\nHost: h\r\n", "POST / HTTP/1.1\r\n\r\n",
                                 "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\nx"})
    BOOST_TEST(!http::is_backend_request(text), text);
}

BOOST_AUTO_TEST_SUITE_END()
