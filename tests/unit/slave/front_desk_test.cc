#include "slave/front_desk.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/slave/front_scene.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FrontScene;
using Do = slave::FrontDesk::Do;
using Home = wire::HomeAnswer::Home;

namespace flagfall::slave {
std::ostream& operator<<(std::ostream& out, FrontDesk::Do what) {
  return out << static_cast<int>(what);
}
}  // namespace flagfall::slave

BOOST_AUTO_TEST_SUITE(front_desk)

BOOST_AUTO_TEST_CASE(a_client_that_belongs_elsewhere_is_sent_on_with_307_path_and_query_kept) {
  FrontScene scene;
  const auto asked = scene.get("WWW.Example.test:80", "/a//b?c=%20d");
  BOOST_REQUIRE(asked.what == Do::wait);
  BOOST_REQUIRE(scene.question.has_value());
  BOOST_TEST(scene.question->master == 0U);
  BOOST_TEST(scene.question->question.service == "web");
  BOOST_TEST((scene.question->question.client == scene.client));
  BOOST_TEST(scene.answer(asked.number, Home::elsewhere));
  BOOST_TEST(scene.get("WWW.Example.test:80", "/a//b?c=%20d", true).what == Do::answer);
  BOOST_TEST(scene.said.starts_with("HTTP/1.1 307 Temporary Redirect\r\n"));
  BOOST_TEST(scene.location() == "http://nyc.example.test/a//b?c=%20d");
  BOOST_TEST(scene.said.find("Cache-Control: no-store\r\n") != std::string::npos);
  BOOST_TEST(scene.said.ends_with("Connection: close\r\n\r\n"));
  BOOST_TEST(scene.desk.counters().sent_on.get() == 1U);
}

BOOST_AUTO_TEST_CASE(a_client_that_belongs_here_or_of_whom_nobody_knows_is_served_here) {
  FrontScene scene;
  scene.learn(Home::here);
  BOOST_TEST(scene.get("www.example.test").what == Do::serve);
  scene.client = *parse_ip("203.0.113.1");
  scene.learn(Home::unknown, 32);
  BOOST_TEST(scene.get("www.example.test").what == Do::serve);
  BOOST_TEST(scene.desk.counters().here.get() == 2U);
  BOOST_TEST(scene.said.empty());
}

BOOST_AUTO_TEST_CASE(an_answer_holds_for_its_network_for_as_long_as_it_says_and_we_believe) {
  FrontScene scene;
  scene.learn(Home::elsewhere);
  scene.client = *parse_ip("198.51.100.200");
  BOOST_TEST(scene.get("www.example.test", "/1").what == Do::answer);
  BOOST_TEST(!scene.question);
  scene.client = *parse_ip("198.51.101.1");
  BOOST_TEST(scene.get("www.example.test", "/2").what == Do::wait);
  scene.client = *parse_ip("198.51.100.7");
  scene.now += seconds(10) - Nanos(1);
  BOOST_TEST(scene.get("www.example.test", "/3").what == Do::answer);
  scene.now += Nanos(1);  // the master said 60 s, our limit is 10 s
  const auto again = scene.get("www.example.test", "/4");
  BOOST_TEST(again.what == Do::wait);
  BOOST_TEST(scene.answer(again.number, Home::here, 24, "", seconds(2)));
  scene.now += seconds(2);
  BOOST_TEST(scene.get("www.example.test", "/5").what == Do::wait);
}

BOOST_AUTO_TEST_CASE(without_an_answer_in_time_the_client_is_served_here_and_nobody_waits_again) {
  FrontScene scene;
  const auto asked = scene.get("www.example.test");
  BOOST_TEST(asked.what == Do::wait);
  const auto second = scene.get("www.example.test");  // another connection of the client
  BOOST_TEST(second.what == Do::wait);
  BOOST_TEST(second.number == asked.number);
  BOOST_TEST(!scene.question);
  scene.now += scene.options.wait;
  BOOST_TEST(scene.get("www.example.test", "/", true).what == Do::serve);
  BOOST_TEST(scene.get("www.example.test").what == Do::serve);
  BOOST_TEST(scene.desk.counters().unanswered.get() == 2U);
  BOOST_TEST(scene.desk.counters().questions.get() == 1U);
  // A late answer is for those who come next.
  BOOST_TEST(scene.answer(asked.number, Home::elsewhere));
  BOOST_TEST(scene.desk.counters().answers_late.get() == 1U);
  BOOST_TEST(scene.get("www.example.test").what == Do::answer);
}

BOOST_AUTO_TEST_CASE(a_question_that_is_never_answered_is_asked_again_after_a_while) {
  FrontScene scene;
  (void)scene.get("www.example.test");
  scene.now += seconds(5);
  BOOST_TEST(scene.get("www.example.test").what == Do::wait);
  BOOST_TEST(scene.question.has_value());
}

BOOST_AUTO_TEST_CASE(what_browsers_let_no_redirect_follow_is_served_here) {
  FrontScene scene;
  scene.learn(Home::elsewhere);
  BOOST_TEST(scene.look("OPTIONS /a HTTP/1.1\r\nHost: www.example.test\r\n\r\n").what == Do::serve);
  BOOST_TEST(scene
                 .look("GET /a HTTP/1.1\r\nHost: www.example.test\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\n\r\n")
                 .what == Do::serve);
  BOOST_TEST(scene.desk.counters().unmovable.get() == 2U);
  BOOST_TEST(scene.look("DELETE /a HTTP/1.1\r\nHost: www.example.test\r\n\r\n").what == Do::answer);
}

BOOST_AUTO_TEST_CASE(without_a_session_everybody_is_served_here_whatever_is_remembered) {
  FrontScene scene;
  scene.learn(Home::elsewhere);
  scene.desk.session(0, false);
  BOOST_TEST(scene.get("www.example.test").what == Do::serve);
  BOOST_TEST(scene.desk.counters().no_session.get() == 1U);
  scene.desk.session(0, true);
  BOOST_TEST(scene.get("www.example.test").what == Do::answer);
}

BOOST_AUTO_TEST_CASE(of_several_masters_the_first_that_is_there_is_asked) {
  FrontScene scene;
  wire::Services services;
  services.services.emplace_back().sites = {{"www.example.test", "", 0, ""}};
  scene.desk.use(std::make_shared<const slave::FrontSites>(std::vector<wire::Services>{services, services}));
  scene.desk.session(1, true);
  (void)scene.get("www.example.test");
  BOOST_REQUIRE(scene.question.has_value());
  BOOST_TEST(scene.question->master == 0U);
  scene.desk.session(0, false);
  const auto asked = scene.get("www.example.test");
  BOOST_REQUIRE(scene.question.has_value());
  BOOST_TEST(scene.question->master == 1U);
  BOOST_TEST(!scene.answer(asked.number, Home::elsewhere));  // the wrong master's word
  BOOST_TEST(scene.answer(asked.number, Home::elsewhere, 24, test::kToNyc, seconds(1), 1));
  BOOST_TEST(scene.get("www.example.test").what == Do::answer);
}

BOOST_AUTO_TEST_CASE(who_comes_back_for_the_same_within_some_seconds_stays) {
  FrontScene scene;
  scene.learn(Home::elsewhere);
  BOOST_TEST(scene.get("www.example.test", "/x").what == Do::answer);
  BOOST_TEST(scene.get("www.example.test", "/x").what == Do::serve);
  // By the name of its own place, as the other site would send it.
  BOOST_TEST(scene.get("fra.example.test", "/m/x").what == Do::serve);
  BOOST_TEST(scene.desk.counters().returned.get() == 2U);
  BOOST_TEST(scene.get("www.example.test", "/y").what == Do::answer);
  scene.client = *parse_ip("198.51.100.8");
  BOOST_TEST(scene.get("www.example.test", "/x").what == Do::answer);
  scene.client = *parse_ip("198.51.100.7");
  scene.now += scene.options.stay - Nanos(1);
  BOOST_TEST(scene.get("www.example.test", "/x").what == Do::serve);
  scene.now += Nanos(1);
  scene.learn(Home::elsewhere);
  BOOST_TEST(scene.get("www.example.test", "/x").what == Do::answer);
}

BOOST_AUTO_TEST_CASE(who_was_sent_to_this_place_is_sent_on_without_what_is_its_own) {
  FrontScene scene;
  scene.learn(Home::elsewhere, 24, "http://nyc.{host}/n{path}");
  BOOST_TEST(scene.get("fra.example.test", "/m/a?b").what == Do::answer);
  BOOST_TEST(scene.location() == "http://nyc.www.example.test/n/a?b");
  BOOST_TEST(scene.get("fra.example.test", "/m?b").what == Do::answer);
  BOOST_TEST(scene.location() == "http://nyc.www.example.test/n/?b");
  BOOST_TEST(scene.get("fra.example.test", "/other").what == Do::serve);  // not the service's
}

BOOST_AUTO_TEST_CASE(a_redirect_to_the_very_address_that_was_asked_is_not_sent) {
  FrontScene scene;
  scene.learn(Home::elsewhere, 24, "http://www.Example.test.:80/elsewhere{path}");
  BOOST_TEST(scene.get("www.example.test").what == Do::serve);
  BOOST_TEST(scene.desk.counters().leads_back.get() == 1U);
  BOOST_TEST(scene.get("www.example.test:8080").what == Do::answer);  // another port is another server
}

BOOST_AUTO_TEST_CASE(what_is_no_services_is_served_here_and_asked_of_nobody) {
  FrontScene scene;
  for (const char* const octets : {"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
                                   "OPTIONS * HTTP/1.1\r\nHost: www.example.test\r\n\r\n",
                                   "CONNECT www.example.test:80 HTTP/1.1\r\nHost: www.example.test\r\n\r\n"})
    BOOST_TEST(scene.look(octets).what == Do::serve, octets);
  BOOST_TEST(scene.desk.counters().unknown_host.get() == 4U);
  BOOST_TEST(scene.desk.counters().questions.get() == 0U);
}

BOOST_AUTO_TEST_CASE(questions_are_limited_and_then_clients_are_served_here) {
  FrontScene scene(3);
  for (unsigned i = 0; i < 10; ++i) {
    scene.client.octets[2] = static_cast<std::uint8_t>(i);
    BOOST_TEST(scene.get("www.example.test").what == (i < 3 ? Do::wait : Do::serve));
  }
  BOOST_TEST(scene.desk.counters().limited.get() == 7U);
  scene.now += seconds(1);
  scene.client.octets[2] = 99;
  BOOST_TEST(scene.get("www.example.test").what == Do::wait);
}

BOOST_AUTO_TEST_CASE(answers_to_no_question_of_that_master_are_dropped) {
  FrontScene scene;
  const auto asked = scene.get("www.example.test");
  BOOST_TEST(!scene.answer(asked.number + 1, Home::elsewhere));
  BOOST_TEST(!scene.answer(asked.number + 256, Home::elsewhere));
  BOOST_TEST(!scene.answer(asked.number, Home::elsewhere, 24, test::kToNyc, seconds(1), 1));
  BOOST_TEST(scene.answer(asked.number, Home::elsewhere));
  BOOST_TEST(!scene.answer(asked.number, Home::here));  // twice
  BOOST_TEST(scene.desk.counters().answers_unasked.get() == 4U);
  BOOST_TEST(scene.get("www.example.test").what == Do::answer);
}

BOOST_AUTO_TEST_CASE(a_location_that_is_none_and_a_length_that_is_none_do_no_harm) {
  FrontScene scene;
  scene.learn(Home::elsewhere, 128, "gopher://x{path}");  // of an IPv4 client
  BOOST_TEST(scene.get("www.example.test").what == Do::serve);
  BOOST_TEST(scene.desk.counters().answers_bad.get() == 1U);
  scene.client.octets[3] = 9;  // it held for one address
  BOOST_TEST(scene.get("www.example.test").what == Do::wait);
}

BOOST_AUTO_TEST_CASE(new_services_forget_what_was_known_of_the_old_ones) {
  FrontScene scene;
  scene.learn(Home::elsewhere);
  const auto pending = [&] {
    scene.client = *parse_ip("203.0.113.1");
    return scene.get("www.example.test").number;
  }();
  scene.use();
  BOOST_TEST(!scene.answer(pending, Home::elsewhere));
  scene.client = *parse_ip("198.51.100.7");
  BOOST_TEST(scene.get("www.example.test").what == Do::wait);
}

BOOST_AUTO_TEST_CASE(a_head_request_is_sent_on_and_errors_have_no_content_for_it) {
  FrontScene scene;
  scene.learn(Home::elsewhere);
  BOOST_TEST(scene.look("HEAD /h HTTP/1.1\r\nHost: www.example.test\r\n\r\n").what == Do::answer);
  BOOST_TEST(scene.location() == "http://nyc.example.test/h");
  for (const bool head : {false, true}) {
    ByteWriter out(scene.room);
    scene.desk.bad_gateway(head, out);
    const std::string_view said = as_text(out.written());
    BOOST_TEST(said.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    BOOST_TEST(said.ends_with("\r\n\r\n") == head);
  }
  BOOST_TEST(scene.look("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").what == Do::answer);
  BOOST_TEST(scene.said.starts_with("HTTP/1.1 400 "));
  BOOST_TEST(scene.desk.counters().refused.get() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
