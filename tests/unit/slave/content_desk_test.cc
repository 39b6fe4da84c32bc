#include "slave/content_desk.hh"

#include <boost/test/unit_test.hpp>
#include <string>

#include "common/http/request_reader.hh"
#include "common/wire/tcp_segment.hh"

using namespace flagfall;         // NOLINT(*-using-namespace)
using namespace flagfall::slave;  // NOLINT(*-using-namespace)

namespace {

const Endpoint kService = *parse_endpoint("192.0.2.1:80");       // NOLINT(cert-err58-cpp)
const Endpoint kClient = *parse_endpoint("198.51.100.7:40000");  // NOLINT(cert-err58-cpp)

std::string written(const http::Response& response, bool close, std::size_t length) {
  std::string room(length, '?');
  const MutableBytes out(reinterpret_cast<std::uint8_t*>(room.data()),
                         room.size());  // NOLINT(*-reinterpret-cast)
  return write_content(response, close, out) ? room : "";
}

http::Response ok(std::string_view fields, std::string_view content) {
  return {.status = 200, .fields = fields, .content = content, .keep_alive = true, .bodiless = false};
}

struct Rig {
  ShotPool pool{4};
  ContentDesk desk{pool};
  ContentWish wish{.source = kService, .client = kClient, .segment = {1000, 2000, 3000, 400}, .length = 300};

  Rig() {
    wish.shot = *pool.take();
    wish.turn = pool.turn(wish.shot);
    pool.open(wish.shot);
  }
  void answer(std::string_view content, unsigned status = 200) {
    http::Response response = ok("A: b\r\n", content);
    response.status = status;
    desk.answered(wish, response);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(content_desk)

BOOST_AUTO_TEST_CASE(an_answer_has_exactly_the_segments_length_whatever_its_own_is) {
  const std::string tight = "HTTP/1.1 200 OK\r\nA: b\r\nVia: 1.1 flagfall\r\nContent-Length: 5\r\n\r\nhello";
  BOOST_TEST(written(ok("A: b\r\n", "hello"), false, tight.size()) == tight);
  BOOST_TEST(written(ok("A: b\r\n", "hello"), false, tight.size() - 1).empty());
  for (std::size_t length = tight.size(); length <= 1208; ++length) {
    const std::string text = written(ok("A: b\r\n", "hello"), false, length);
    BOOST_TEST(text.size() == length);
    BOOST_TEST(text.starts_with("HTTP/1.1 200 OK\r\nA: b\r\nVia: 1.1 flagfall"));
    BOOST_TEST(text.ends_with("\r\nContent-Length: 5\r\n\r\nhello"));
    const std::size_t blanks = text.find("flagfall") + 8;
    BOOST_TEST(text.find_first_not_of(' ', blanks) == text.find("\r\nContent-Length"));
  }
}

BOOST_AUTO_TEST_CASE(fields_of_the_servers_hop_stay_there) {
  const std::string text =
      written(ok("Date: now\r\nConnection: X-Mine, keep-alive\r\nKeep-Alive: 5\r\nx-mine: 1\r\nTE: x\r\n"
                 "Transfer-Encoding: chunked\r\nProxy-Authenticate: x\r\nContent-Length: 77\r\nTrailer: T\r\n"
                 "Upgrade: h2c\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n",
                 "x"),
              true, 1000);
  BOOST_TEST(text.starts_with("HTTP/1.1 200 OK\r\nDate: now\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nVia: "));
  BOOST_TEST(text.ends_with("\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"));
}

BOOST_AUTO_TEST_CASE(statuses_without_content_have_no_length) {
  const http::Response response{.status = 304, .fields = "ETag: \"1\"\r\n", .bodiless = true};
  const std::string text = written(response, false, 100);
  BOOST_TEST(text.starts_with("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nVia: 1.1 flagfall  "));
  BOOST_TEST(text.ends_with("  \r\n\r\n"));
  BOOST_TEST(written({.status = 299}, false, 100).starts_with("HTTP/1.1 299 \r\n"));
}

BOOST_AUTO_TEST_CASE(a_redirect_has_its_blanks_where_the_master_says) {
  std::array<std::uint8_t, 40> room{};
  wire::OrderContent content{.length = 12, .blanks = 3, .close = false, .redirect = as_bytes("abc\r\n\r\n")};
  BOOST_TEST(as_text(write_padded(content, room)) == "abc     \r\n\r\n");
  content.length = 7;
  BOOST_TEST(as_text(write_padded(content, room)) == "abc\r\n\r\n");
  content.length = 41;
  BOOST_TEST(write_padded(content, room).empty());
  content.length = 40;
  BOOST_TEST(write_padded(content, room).size() == 40U);
}

BOOST_AUTO_TEST_CASE(an_answer_in_time_goes_instead_of_the_shots_own) {
  Rig rig;
  rig.answer("hello");
  BOOST_TEST(rig.desk.counters().ready.get() == 1U);
  const std::uint32_t slot = rig.pool.settle(rig.wish.shot);
  BOOST_TEST(slot != rig.wish.shot);
  BOOST_TEST((rig.pool.offered(rig.wish.shot) == slot));
  const Bytes packet = rig.pool.answer(slot).first(rig.pool[slot].length);
  const auto view = wire::parse_tcp_packet(packet);
  BOOST_REQUIRE(view);
  BOOST_TEST((view->source == kService && view->destination == kClient));
  BOOST_TEST(view->sequence == 1000U);
  BOOST_TEST(view->acknowledgement == 2000U);
  BOOST_TEST((view->timestamps == wire::TcpTimestamps{3000, 0}));
  BOOST_TEST(view->window == 400);
  BOOST_TEST(view->payload == 300U);
  BOOST_TEST(as_text(packet).ends_with("Content-Length: 5\r\n\r\nhello"));
}

BOOST_AUTO_TEST_CASE(an_answer_that_comes_after_the_shots_turn_changes_nothing) {
  Rig rig;
  BOOST_TEST(rig.pool.settle(rig.wish.shot) == rig.wish.shot);
  rig.answer("hello");
  BOOST_TEST(rig.desk.counters().too_late.get() == 1U);
  BOOST_TEST(rig.pool.settle(rig.wish.shot) == rig.wish.shot);
  BOOST_TEST(rig.pool.in_use() == 1U);
  // Another race has the slot by now, and would take content.
  rig.pool.give_back(rig.wish.shot);
  BOOST_REQUIRE((rig.pool.take() == rig.wish.shot));
  rig.pool.open(rig.wish.shot);
  rig.answer("hello");
  BOOST_TEST(rig.desk.counters().too_late.get() == 2U);
  BOOST_TEST(!rig.pool.offered(rig.wish.shot));
  BOOST_TEST(rig.pool.in_use() == 1U);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_or_is_an_error_leaves_the_redirect) {
  Rig rig;
  rig.answer(std::string(300, 'x'));
  BOOST_TEST(rig.desk.counters().too_long.get() == 1U);
  rig.answer("no", 404);
  rig.answer("no", 500);
  rig.answer("part", 206);
  BOOST_TEST(rig.desk.counters().failed.get() == 3U);
  while (rig.pool.take()) continue;
  rig.answer("hello");
  BOOST_TEST(rig.desk.counters().failed.get() == 4U);
  BOOST_TEST(rig.pool.settle(rig.wish.shot) == rig.wish.shot);
  BOOST_TEST(rig.desk.counters().ready.get() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
