#include "common/http/location.hh"

#include <array>
#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using http::Location;

namespace {

std::string error_of(const std::string& text) {
  const auto location = Location::parse(text);
  return location ? "good" : location.error();
}

std::string written(const std::string& text, std::string_view path, std::string_view host = "www.x.test") {
  const auto location = Location::parse(text);
  BOOST_REQUIRE_MESSAGE(location.ok(), (location ? "" : location.error()));
  std::array<std::uint8_t, 4096> room{};
  ByteWriter out(room);
  location->write({"http", host, path}, out);
  BOOST_REQUIRE(out.ok());
  return std::string(as_text(out.written()));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(location)

BOOST_AUTO_TEST_CASE(a_template_is_filled_with_what_was_asked_for) {
  BOOST_TEST(written("{scheme}://fra.example.test{path}", "/a/b?c=d") == "http://fra.example.test/a/b?c=d");
  BOOST_TEST(written("https://fra.example.test:8443{path}", "/") == "https://fra.example.test:8443/");
  BOOST_TEST(written("{scheme}://fra.{host}{path}", "/x") == "http://fra.www.x.test/x");
  BOOST_TEST(written("{scheme}://{host}:81/mirror{path}", "/x") == "http://www.x.test:81/mirror/x");
  BOOST_TEST(written("{scheme}://fra.test/mirror/{path}", "/x") == "http://fra.test/mirror/x");
  BOOST_TEST(written("http://fra.test/welcome", "/x") == "http://fra.test/welcome");
  BOOST_TEST(written("http://[2001:db8::1]:81{path}", "/x") == "http://[2001:db8::1]:81/x");
}

BOOST_AUTO_TEST_CASE(a_path_becomes_no_authority_and_no_line) {
  const std::string to = "{scheme}://fra.test{path}";
  BOOST_TEST(written(to, "//evil.test/") == "http://fra.test/evil.test/");
  BOOST_TEST(written(to, "////evil.test") == "http://fra.test/evil.test");
  BOOST_TEST(written(to, "/\\evil.test") == "http://fra.test/%5Cevil.test");
  BOOST_TEST(written(to, "/@evil.test/?//x") == "http://fra.test/@evil.test/?//x");
  BOOST_TEST(written(to, "/a\r\nSet-Cookie: x") == "http://fra.test/a%0D%0ASet-Cookie:%20x");
  BOOST_TEST(written(to, "/%0d%0aX:1") == "http://fra.test/%0d%0aX:1");
  BOOST_TEST(written(to, "/\"<>^`{|}\xc3\xa9") == "http://fra.test/%22%3C%3E%5E%60%7B%7C%7D%C3%A9");
  BOOST_TEST(written(to, std::string_view("/\0x", 3)) == "http://fra.test/%00x");
}

BOOST_AUTO_TEST_CASE(what_is_no_template_is_refused) {
  for (const char* const bad : {"",
                                "ftp://x/",
                                "fra.test{path}",
                                "http:/fra.test{path}",
                                "http://fra.test",
                                "http://{path}",
                                "http:///x",
                                "{path}",
                                "http://user@fra.test/",
                                "http://fra.test:99999/",
                                "http://fra test/",
                                "http://fra.test/a b",
                                "http://fra.test/{query}",
                                "http://fra.test/{path}{path}",
                                "http://{host}.{host}/",
                                "http://{scheme}/",
                                "http://fra.test/#top",
                                "http://fra.test/\r\nX: y",
                                "http://fra.test\\@evil.test/",
                                "http://fra.test?{path}"})
    BOOST_TEST(error_of(bad) != "good", bad);
  BOOST_TEST(error_of("http://fra.test/" + std::string(2000, 'a')) != "good");
}

BOOST_AUTO_TEST_CASE(a_template_that_leads_back_is_known) {
  BOOST_TEST(Location::parse("{scheme}://{host}{path}")->leads_back("http"));
  BOOST_TEST(Location::parse("http://{host}{path}")->leads_back("http"));
  BOOST_TEST(!Location::parse("https://{host}{path}")->leads_back("http"));
  BOOST_TEST(!Location::parse("{scheme}://{host}:8080{path}")->leads_back("http"));
  BOOST_TEST(!Location::parse("{scheme}://fra.{host}{path}")->leads_back("http"));
  BOOST_TEST(Location::parse("{scheme}://fra.{host}{path}")->takes_host());
  for (const char* const scheme : {"https", "rtsp"}) {
    BOOST_TEST(Location::parse("{scheme}://{host}{path}")->leads_back(scheme));
    BOOST_TEST(Location::parse(std::string(scheme) + "://{host}{path}")->leads_back(scheme));
    BOOST_TEST(!Location::parse("http://{host}{path}")->leads_back(scheme));
  }
}

BOOST_AUTO_TEST_CASE(a_scheme_is_for_its_clients) {
  for (const auto& [text, http, rtsp] : {std::tuple("{scheme}://a{path}", true, true),
                                         {"http://a{path}", true, false},
                                         {"https://a{path}", true, false},
                                         {"rtsp://a{path}", false, true},
                                         {"rtsps://a{path}", false, true}}) {
    const auto location = Location::parse(text);
    BOOST_REQUIRE(location.ok());
    BOOST_TEST(location->suits("http") == http, text);
    BOOST_TEST(location->suits("https") == http, text);
    BOOST_TEST(location->suits("rtsp") == rtsp, text);
  }
}

BOOST_AUTO_TEST_CASE(what_somebody_asks_for_who_was_sent_there_is_known) {
  const auto own = [](const char* text, std::string_view host = "www.x.test") -> std::string {
    const auto told = Location::parse(text)->own(host);
    return told ? told->host + " " + told->path : "none";
  };
  BOOST_TEST(own("http://fra.x.test{path}") == "fra.x.test ");
  BOOST_TEST(own("{scheme}://FRA.x.test.:8080/m/{path}") == "fra.x.test /m");
  BOOST_TEST(own("https://[2001:db8::1]{path}") == "[2001:db8::1] ");
  BOOST_TEST(own("http://fra.{host}/m{path}") == "fra.www.x.test /m");
  BOOST_TEST(own("http://{host}:81{path}", "*.x.test") == "*.x.test ");
  BOOST_TEST(own("http://fra.{host}{path}", "*.x.test") == "none");  // no name
  BOOST_TEST(own("http://fra.x.test/page") == "none");
  BOOST_TEST(own("http://fra.x.test/?of={path}") == "none");
  BOOST_TEST(own("http://fra.x.test{path}?at=fra") == "none");
}

BOOST_AUTO_TEST_SUITE_END()
