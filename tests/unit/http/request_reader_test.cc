#include "common/http/request_reader.hh"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test

namespace {

const http::RequestLimits kLimits{.header = 400, .target = 100, .body = 1000};

struct Seen {
  std::vector<std::string> requests;  // "METHOD host:port path flags"
  int refuse = 0;
  std::size_t left = 0;  // octets that were never consumed
  bool idle = false;
};

std::string told(const http::Request& r) {
  std::string out(r.method);
  out += ' ';
  out += r.host;
  if (!r.port.empty()) out += ':' + std::string(r.port);
  out += ' ';
  out += r.path;
  if (r.minor_0) out += " 1.0";
  if (!r.keep_alive) out += " close";
  if (r.head) out += " head";
  if (r.body) out += " body";
  if (r.expects) out += " expects";
  if (r.rtsp_2) out += " 2.0";
  if (!r.sequence.empty()) out += " #" + std::string(r.sequence);
  return out;
}

/// Shows the octets as a connection would, `step` more at a time.
Seen seen(const std::string& octets, std::size_t step, http::Protocol protocol) {
  http::RequestLimits limits = kLimits;
  limits.protocol = protocol;
  http::RequestReader reader(limits);
  Seen out;
  std::string waiting;
  for (std::size_t at = 0; at < octets.size(); at += step) {
    waiting += octets.substr(at, step);
    for (;;) {
      const auto got = reader.read(waiting);
      if (got.request) out.requests.push_back(told(*got.request));
      waiting.erase(0, got.consumed);
      if (got.refuse != 0) {
        out.refuse = got.refuse;
        return out;
      }
      if (!got.request) break;
    }
  }
  out.left = waiting.size();
  out.idle = reader.idle();
  return out;
}

/// The same, whatever the network's pieces are.
Seen read(const std::string& octets, http::Protocol protocol = http::Protocol::http) {
  Seen whole = seen(octets, octets.size(), protocol);
  for (const std::size_t step : {1U, 2U, 3U, 7U, 61U}) {
    const Seen pieces = seen(octets, step, protocol);
    BOOST_TEST(pieces.requests == whole.requests, boost::test_tools::per_element());
    BOOST_TEST(pieces.refuse == whole.refuse);
    if (whole.refuse == 0) BOOST_TEST(pieces.left == whole.left);
  }
  return whole;
}

void check_refused(const std::string& octets, int status) {
  const Seen got = read(octets);
  BOOST_TEST(got.refuse == status, octets << ": " << got.refuse);
  BOOST_TEST(got.requests.empty(), octets);
}

void check_one(const std::string& octets, const std::string& wanted) {
  const Seen got = read(octets);
  BOOST_TEST(got.refuse == 0, octets);
  BOOST_REQUIRE_EQUAL(got.requests.size(), 1U);
  BOOST_TEST(got.requests[0] == wanted);
  BOOST_TEST(got.left == 0U);
  BOOST_TEST(got.idle);
}

/// The requests of RTSP in these octets, a line each; and the refusal that ended them.
std::string rtsp(const std::string& octets) {
  const Seen got = read(octets, http::Protocol::rtsp);
  std::string out;
  for (const std::string& each : got.requests) out += each + "\n";
  return got.refuse == 0 ? out : out + std::to_string(got.refuse);
}

std::string get(const std::string& target, const std::string& fields = "Host: www.example.test\r\n",
                const std::string& version = "HTTP/1.1") {
  return "GET " + target + " " + version + "\r\n" + fields + "\r\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(request_reader)

BOOST_AUTO_TEST_CASE(a_request_is_its_method_host_and_path) {
  check_one(get("/"), "GET www.example.test /");
  check_one(get("/a/b?c=d&e=%20", "Host: Example.TEST:8080\r\nUser-Agent: x\r\n"),
            "GET Example.TEST:8080 /a/b?c=d&e=%20");
  check_one("HEAD /x HTTP/1.1\r\nhost:h\r\n\r\n", "HEAD h /x head");
  check_one(get("/", "Host: [2001:db8::1]:80\r\n"), "GET [2001:db8::1]:80 /");
  check_one("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS h *");
  check_one("BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n", "BREW h /pot");
  check_one("\r\n\r\n" + get("/"), "GET www.example.test /");  // RFC 9112 2.2
}

BOOST_AUTO_TEST_CASE(an_absolute_targets_host_is_the_one) {
  check_one(get("http://other.test:81/p?q", "Host: www.example.test\r\n"), "GET other.test:81 /p?q");
  check_one(get("HTTPS://other.test"), "GET other.test /");
  check_one("CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n", "CONNECT other.test:443 ");
  check_refused(get("ftp://other.test/"), 400);
  check_refused(get("http:///p"), 400);
  check_refused(get("http://user@other.test/"), 400);
  check_refused(get("http://other.test?q"), 400);
  check_refused(get("other.test/"), 400);
  check_refused(get("*"), 400);
}

BOOST_AUTO_TEST_CASE(folded_lines_are_refused_wherever_they_are) {
  for (const char* const blank : {" ", "\t"}) {
    const std::string fold = std::string("\r\n") + blank;
    check_refused("GET / HTTP/1.1" + fold + "x\r\nHost: h\r\n\r\n", 400);
    check_refused(get("/", "Host: h" + fold + "\r\n"), 400);
    check_refused(get("/", "Host: h\r\nX: a" + fold + "b\r\n"), 400);
    BOOST_TEST(rtsp("DESCRIBE rtsp://h/ RTSP/1.0\r\nCSeq: 1" + fold + "\r\n\r\n") == "400");
  }
  // What follows a header begins with what it likes.
  const Seen got = read("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n \t" + get("/"));
  BOOST_TEST(got.requests.size() == 2U);
}

BOOST_AUTO_TEST_CASE(the_connection_is_kept_as_the_version_and_its_field_say) {
  check_one(get("/", "Host: h\r\nConnection: close\r\n"), "GET h / close");
  check_one(get("/", "", "HTTP/1.0"), "GET  / 1.0 close");
  check_one(get("/", "Host: h\r\nConnection: keep-alive\r\n", "HTTP/1.0"), "GET h / 1.0");
}

BOOST_AUTO_TEST_CASE(pipelined_requests_come_one_by_one) {
  const Seen got = read(get("/1") + get("/2") + "\r\n" + get("/3") + "GET /4 HT");
  BOOST_REQUIRE_EQUAL(got.requests.size(), 3U);
  BOOST_TEST(got.requests[2] == "GET www.example.test /3");
  BOOST_TEST(got.left == 9U);
  BOOST_TEST(!got.idle);
}

BOOST_AUTO_TEST_CASE(content_is_skipped_to_the_octet) {
  const std::string next = get("/next");
  for (const std::string& body :
       {std::string("Content-Length: 5\r\n\r\nGET /"), std::string("Content-Length: 0\r\n\r\n"),
        std::string("Content-Length: 3, 3\r\n\r\nabc"),
        std::string("Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nGET /\r\n0\r\n\r\n"),
        std::string(
            "Transfer-Encoding: Chunked\r\n\r\na\r\n0123456789\r\n1\r\nx\r\n0\r\nTrailer: x\r\n\r\n")}) {
    const Seen got = read(std::string("POST /p HTTP/1.1\r\nHost: h\r\n").append(body).append(next));
    BOOST_TEST(got.refuse == 0, body);
    BOOST_REQUIRE_EQUAL(got.requests.size(), 2U);
    BOOST_TEST(got.requests[1] == "GET www.example.test /next");
    BOOST_TEST(got.idle);
  }
  check_one("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
            "PUT h / body expects");
}

BOOST_AUTO_TEST_CASE(what_two_servers_could_read_differently_is_refused) {
  const auto post = [](const std::string& fields) {
    return "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n\r\n";
  };
  check_refused(post("Content-Length: 5\r\nContent-Length: 6"), 400);
  check_refused(post("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400);
  check_refused(post("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400);
  check_refused(post("Transfer-Encoding: chunked, identity"), 501);
  check_refused(post("Transfer-Encoding: gzip"), 501);
  check_refused(post("Transfer-Encoding: \x0b"
                     "chunked"),
                400);
  check_refused(post("Content-Length: +5"), 400);
  check_refused(post("Content-Length: 0x5"), 400);
  check_refused(post("Content-Length: 99999999999999999999"), 400);
  check_refused(post("Content-Length : 5"), 400);
  check_refused(post("Content Length: 5"), 400);
  check_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
  check_refused("GET / HTTP/1.1\nHost: h\n\n", 400);
  check_refused("GET / HTTP/1.1\r\nHost: h\r\nX: a\nY: b\r\n\r\n", 400);
  check_refused("GET / HTTP/1.1\r\nHost: h\r\nX: a\rY: b\r\n\r\n", 400);
}

BOOST_AUTO_TEST_CASE(a_host_is_there_once_and_is_one) {
  check_refused(get("/", ""), 400);
  check_refused(get("/", "Host: a\r\nHost: a\r\n"), 400);
  for (const char* host : {"", "a b", "a/b", "a,b", "user@a", "a:b", "a:70000", "[::1", "[1.2.3.4]", "[::1]x",
                           ":80", "a\"b", "a%0d", "\xc3\xa4"})
    check_refused(get("/", std::string("Host: ") + host + "\r\n"), 400);
}

BOOST_AUTO_TEST_CASE(targets_have_neither_controls_nor_fragments) {
  check_refused(get("/a#b"), 400);
  check_refused(get(std::string("/a\0b", 4)), 400);
  check_refused(get("/a\tb"), 400);
  check_refused(get("/a\x7f"), 400);
  check_refused(get("/a b"), 505);
}

BOOST_AUTO_TEST_CASE(what_is_no_http_is_refused_at_once) {
  check_refused(std::string("\x16\x03\x01\x02\x00\x01\n", 7), 400);
  check_refused("SSH-2.0-OpenSSH_9.2\r\n\r\n", 400);
  check_refused("DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n\r\n", 505);
  check_refused(get("/", "Host: h\r\n", "HTTP/2.0"), 505);
  check_refused("GET /\r\n\r\n", 400);
}

BOOST_AUTO_TEST_CASE(there_is_a_limit_to_everything) {
  check_refused(get("/" + std::string(100, 'a')), 414);
  check_refused("GET /" + std::string(1000, 'a'), 414);
  check_refused(get("/", "Host: h\r\nX: " + std::string(400, 'a') + "\r\n"), 431);
  check_refused("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(400, 'a'), 431);
  const Seen big = read("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
  BOOST_TEST(big.refuse == 413);
  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  BOOST_TEST(read(chunked + "3e9\r\n").refuse == 413);
  BOOST_TEST(read(chunked + "1;" + std::string(500, 'x')).refuse == 431);
  BOOST_TEST(read(chunked + "0\r\nX: " + std::string(500, 'x')).refuse == 431);
  BOOST_TEST(read(chunked + "xyz\r\n").refuse == 400);
}

BOOST_AUTO_TEST_CASE(an_rtsp_request_is_its_method_host_path_and_number) {
  BOOST_TEST(rtsp("DESCRIBE rtsp://media.test:8554/live/1?a=b RTSP/1.0\r\nCSeq: 312\r\n\r\n") ==
             "DESCRIBE media.test:8554 /live/1?a=b #312\n");
  BOOST_TEST(rtsp("SETUP RTSP://media.test RTSP/2.0\r\nAccept: x\r\ncseq:0\r\nConnection: close\r\n\r\n") ==
             "SETUP media.test / close 2.0 #0\n");
  BOOST_TEST(rtsp("\r\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nGET_PARAMETER rtsp://[2001:db8::1]/ RTSP/1.0\r\n"
                  "CSeq: 2\r\n\r\n") == "OPTIONS  * #1\nGET_PARAMETER [2001:db8::1] / #2\n");
}

BOOST_AUTO_TEST_CASE(content_of_an_rtsp_request_is_skipped) {
  BOOST_TEST(
      rtsp("ANNOUNCE rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\n\r\nv=0PLAY rtsp://a/b "
           "RTSP/1.0\r\nCSeq: 2\r\n\r\n") == "ANNOUNCE a /b body #1\nPLAY a /b #2\n");
  BOOST_TEST(rtsp("ANNOUNCE rtsp://a/ RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 1001\r\n\r\n") == "413");
}

BOOST_AUTO_TEST_CASE(what_is_no_rtsp_request_is_refused) {
  const std::string uri = "rtsp://a/";
  for (const std::string& bad :
       {"DESCRIBE " + uri + " RTSP/1.0\r\n\r\n",                          // no CSeq,
        "DESCRIBE " + uri + " RTSP/1.0\r\nCSeq: 1\r\nCSeq: 1\r\n\r\n",    // two,
        "DESCRIBE " + uri + " RTSP/1.0\r\nCSeq: 1x\r\n\r\n",              // one that is no number
        "DESCRIBE " + uri + " RTSP/1.0\r\nCSeq: 12345678901\r\n\r\n",     // or too long
        std::string("DESCRIBE /a RTSP/1.0\r\nCSeq: 1\r\n\r\n"),           // no absolute URI
        std::string("DESCRIBE http://a/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"),    // of another scheme
        std::string("DESCRIBE rtsp://u@a/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"),  // with a user
        std::string("DESCRIBE * RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
        std::string("CONNECT a:1 RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
        "DESCRIBE  " + uri + " RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        " DESCRIBE " + uri + " RTSP/1.0\r\nCSeq: 1\r\n\r\n", "DESCRIBE " + uri + "\r\nCSeq: 1\r\n\r\n",
        "DESCRIBE " + uri + " RTSP/1.0 \r\nCSeq: 1\r\n\r\n",
        "DES\tCRIBE " + uri + " RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        "DESCRIBE " + uri + " RTSP/1.0\nCSeq: 1\r\n\r\n",
        "ANNOUNCE " + uri + " RTSP/1.0\r\nCSeq: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "ANNOUNCE " + uri + " RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        std::string("$\0\0\4abcd\r\n\r\n", 12)})
    BOOST_TEST(rtsp(bad) == "400", bad);
  BOOST_TEST(rtsp("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == "505");
  BOOST_TEST(rtsp("DESCRIBE rtsp://a/ RTSP/3.0\r\nCSeq: 1\r\n\r\n") == "505");
  BOOST_TEST(rtsp("DESCRIBE rtsp://a/" + std::string(100, 'x') + " RTSP/1.0\r\nCSeq: 1\r\n\r\n") == "414");
  BOOST_TEST(rtsp("DESCRIBE rtsp://a/ RTSP/1.0\r\nCSeq: 1\r\nX: " + std::string(400, 'x')) == "431");
}

BOOST_AUTO_TEST_SUITE_END()
