#include "common/http/response_reader.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <ostream>
#include <string>

#include "common/http/fields.hh"

using flagfall::http::ResponseReader;
using State = ResponseReader::State;

namespace flagfall::http {
static std::ostream& operator<<(std::ostream& out, ResponseReader::State state) {
  return out << static_cast<int>(state);
}
}  // namespace flagfall::http

namespace {

/// Octets as they come, `step` at once, until the reader has had enough.
State give(ResponseReader& reader, std::string_view octets, std::size_t step = SIZE_MAX) {
  State state = State::more;
  while (!octets.empty() && state == State::more) {
    const auto room = reader.room();
    const std::size_t n = std::min({octets.size(), step, room.size()});
    std::copy_n(octets.begin(), n, room.begin());
    octets.remove_prefix(n);
    state = reader.received(n);
  }
  return state;
}

State state_of(std::string_view octets) {
  ResponseReader reader;
  return give(reader, octets);
}

const std::string kPlain = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello";
const std::string kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: "
    "t\r\n\r\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(response_reader)

BOOST_AUTO_TEST_CASE(an_answer_is_the_same_in_whatever_pieces_it_comes) {
  for (const std::string& octets : {kPlain, kChunked})
    for (std::size_t step = 1; step <= octets.size(); ++step) {
      ResponseReader reader;
      BOOST_TEST(reader.idle());
      BOOST_TEST(give(reader, octets, step) == State::done);
      BOOST_TEST(!reader.idle());
      BOOST_TEST(reader.response().status == 200U);
      BOOST_TEST(reader.response().content == "hello");
      BOOST_TEST(reader.response().keep_alive);
      BOOST_TEST(!reader.response().bodiless);
      std::string_view lines = reader.response().fields;
      const auto first = flagfall::http::take_field(lines);
      const auto second = flagfall::http::take_field(lines);
      BOOST_TEST((first && second && lines.empty()));
    }
}

BOOST_AUTO_TEST_CASE(one_reader_reads_one_answer_after_the_other) {
  ResponseReader reader;
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(give(reader, i % 2 == 0 ? kPlain : kChunked) == State::done);
    BOOST_TEST(reader.response().content == "hello");
    reader.restart();
    BOOST_TEST(reader.idle());
  }
}

BOOST_AUTO_TEST_CASE(answers_that_are_not_final_are_passed_over) {
  ResponseReader reader;
  BOOST_TEST(give(reader, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + kPlain,
                  3) == State::done);
  BOOST_TEST(reader.response().status == 200U);
  BOOST_TEST(reader.response().fields.starts_with("Server: x\r\n"));
  std::string many;
  for (int i = 0; i < 9; ++i) many += "HTTP/1.1 100 Continue\r\n\r\n";
  BOOST_TEST(state_of(many + kPlain) == State::bad);
  BOOST_TEST(state_of("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n") == State::bad);
}

BOOST_AUTO_TEST_CASE(statuses_without_content_end_with_their_header) {
  for (const char* const status : {"204 No Content", "304 Not Modified"}) {
    ResponseReader reader;
    BOOST_TEST(give(reader, "HTTP/1.1 " + std::string(status) +
                                "\r\nContent-Length: 7000\r\nETag: \"1\"\r\n\r\n") == State::done);
    BOOST_TEST(reader.response().bodiless);
    BOOST_TEST(reader.response().content.empty());
  }
  BOOST_TEST(state_of("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == State::done);
}

BOOST_AUTO_TEST_CASE(a_connection_that_ends_with_its_answer_says_so) {
  for (const auto& [octets, keeps] :
       {std::pair{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", true}}) {
    ResponseReader reader;
    BOOST_TEST(give(reader, octets) == State::done);
    BOOST_TEST(reader.response().keep_alive == keeps);
  }
}

BOOST_AUTO_TEST_CASE(what_is_longer_than_the_buffers_is_too_long_as_soon_as_that_is_known) {
  const std::string most(ResponseReader::kMostContent, 'x');
  const std::string size = std::to_string(most.size());
  BOOST_TEST(state_of("HTTP/1.1 200 OK\r\nContent-Length: " + size + "\r\n\r\n" + most) == State::done);
  BOOST_TEST(state_of("HTTP/1.1 200 OK\r\nContent-Length: 1281\r\n\r\n") == State::too_long);
  BOOST_TEST(state_of("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n") == State::too_long);
  BOOST_TEST(state_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n501\r\n" + most + "x") ==
             State::too_long);
  BOOST_TEST(state_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n500\r\n" + most +
                      "\r\n1\r\nx\r\n") == State::too_long);
  std::string endless = "HTTP/1.1 200 OK\r\n";
  while (endless.size() < ResponseReader::kMostOctets) endless += "A: b\r\n";
  BOOST_TEST(state_of(endless) == State::too_long);
  BOOST_TEST(state_of(std::string(20000, 'x')) == State::too_long);
  std::string many = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
  for (int i = 0; i < 100; ++i) many += "A: b\r\n";
  BOOST_TEST(state_of(many + "\r\n") == State::too_long);
  std::string crumbs = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  while (crumbs.size() < ResponseReader::kMostOctets) crumbs += "1;" + std::string(40, 'e') + "\r\nx\r\n";
  BOOST_TEST(state_of(crumbs) == State::too_long);
}

BOOST_AUTO_TEST_CASE(what_two_readers_could_read_differently_is_refused) {
  for (const char* const octets :
       {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 200 OK\r\nA: b\n\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello",  // more than was announced
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nServer: until the end\r\n\r\nhello",
        "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-x\r\n\r\n", "\r\n\r\n\r\n\r\n"})
    BOOST_TEST(state_of(octets) == State::bad, octets);
  BOOST_TEST(state_of(std::string("HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n", 44)) ==
             State::bad);
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_cut_anywhere_is_never_done) {
  for (const std::string& octets : {kPlain, kChunked})
    for (std::size_t n = 0; n < octets.size(); ++n) BOOST_TEST(state_of(octets.substr(0, n)) == State::more);
}

BOOST_AUTO_TEST_SUITE_END()
