#include "master/http_config.hh"

#include <fmt/core.h>

#include <boost/test/unit_test.hpp>

#include "master/config.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using master::Config;

namespace {

/// A whole configuration with one service; `service` comes right after its name, `slave` after its slave's.
std::string text(const std::string& top, const std::string& service, const std::string& slave) {
  return R"(
[dns]
listen = ["192.0.2.1:53"]
[[zone]]
origin = "example.test."
file = "example.test.zone"
[control]
listen = "192.0.2.1"
ca = "ca.crt"
certificate = "m.crt"
key = "m.key"
)" + top +
         R"(
[[service]]
name = "web"
names = ["www.example.test"]
)" + service +
         R"(
[[service.slave]]
name = "fra"
answers = ["192.0.2.10"]
)" + slave;
}

const std::string kHttp = "[http]\nlisten = [\"192.0.2.1:80\"]\n";
const std::string kHttps =
    "[https]\nlisten = [\"192.0.2.1\"]\n[[https.certificate]]\ncertificate = \"w.crt\"\nkey = \"w.key\"\n";
const std::string kRtsp = "[rtsp]\nlisten = [\"192.0.2.1\"]\n";
const std::string kPolicies = "[service.director]\npolicies = [\"race\"]\n";
const std::string kHosts = "[service.http]\nhosts = [\"www.example.test\"]\n";
const std::string kMedia = "[service.rtsp]\nhosts = [\"www.example.test\"]\n";
const std::string kLocation = "location = \"{scheme}://fra.example.test{path}\"\n";

Result<Config> read(const std::string& top, const std::string& service, const std::string& slave) {
  return master::schema().parse(text(top, service, slave), "m.toml");
}
/// What is said of it: `part`, or the whole.
std::string said(const Result<Config>& config, const std::string& part) {
  const std::string all = config ? "good" : config.error();
  return all.find(part) != std::string::npos ? part : all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http_config)

BOOST_AUTO_TEST_CASE(all_schemes_have_their_ports_and_share_a_location) {
  const auto good = read(kHttp + kHttps + kRtsp, kPolicies + kHosts + kMedia, kLocation);
  BOOST_REQUIRE_MESSAGE(good.ok(), said(good, ""));
  BOOST_TEST(good->https.listen.at(0).port == 443);
  BOOST_TEST(good->rtsp.listen.at(0).port == 554);
  BOOST_TEST(good->https.certificates.at(0).key.text == "w.key");
  BOOST_TEST(good->rtsp.race);
}

BOOST_AUTO_TEST_CASE(a_location_suits_each_scheme_that_it_is_asked_by) {
  const std::string fixed = "location = \"http://fra.example.test{path}\"\n";
  const std::string back = "location = \"https://{host}{path}\"\n";
  const auto check = [](const std::string& top, const std::string& service, const std::string& slave,
                        const std::string& part) {
    BOOST_TEST(said(read(top, kPolicies + service, slave), part) == part);
  };
  check(kHttp, kHosts, fixed, "good");
  check(kHttp + kRtsp, kHosts + kMedia, fixed, "clients that ask by rtsp would be sent there, too");
  check(kRtsp, kMedia, fixed, "begin with {scheme}");
  check(kHttp, kHosts, back, "good");  // to the same host over TLS
  check(kHttp + kHttps, kHosts, back, "leads back to the very address that was asked for by https");
  check(kRtsp, kMedia, "location = \"rtsp://{host}{path}\"\n", "asked for by rtsp");
  check(kHttp, "", kLocation, "neither [service.http] nor [service.rtsp] has hosts");
  check(kHttp, kHosts, "location = \"ftp://a{path}\"\n", "begins with http, https, rtsp, rtsps or {scheme}");
  check(kRtsp, "[service.rtsp]\nhosts = [\"[2001:db8::1]\"]\n", "location = \"rtsp://a.{host}{path}\"\n",
        "{host} would be an IPv6 address");
}

BOOST_AUTO_TEST_CASE(hosts_and_paths_are_checked_for_both) {
  for (const char* const section : {"http", "rtsp"}) {
    const std::string begin = fmt::format("[service.{}]\n", section);
    const auto check = [&](const std::string& keys, const std::string& part) {
      BOOST_TEST(said(read("", fmt::format("{}{}{}", kPolicies, begin, keys), kLocation), part) == part);
    };
    check("hosts = [\"www.example.test\", \"*.x.test\", \"192.0.2.9\"]\n", "good");
    for (const char* const bad : {"", "a b", "a:80", "*", "*.", "user@a"})
      check(fmt::format("hosts = [\"{}\"]\n", bad), "is no host");
    for (const char* const bad : {"", "x", "/a//b", "/a?b", "/a b"})
      check("hosts = [\"a\"]\npath = \"" + std::string(bad) + "\"\n", "is no path such as");
    check("hosts = [\"A.test\", \"a.test.\"]\n", "with this path is service 'web' already");
    BOOST_TEST(said(read("", begin + "hosts = [\"a\"]\n", kLocation), "[service.director]") ==
               "[service.director]");
    BOOST_TEST(said(read("", kPolicies + begin + "hosts = [\"a\"]\n", ""), "has a location") ==
               "has a location");
  }
}

BOOST_AUTO_TEST_CASE(listeners_are_checked) {
  const auto check = [](const std::string& top, const std::string& part) {
    BOOST_TEST(said(read(top, "", ""), part) == part);
  };
  check("[https]\nlisten = [\"192.0.2.1\"]\n", "needs a certificate");
  for (const char* const section : {"http", "rtsp"})
    check(fmt::format("[{}]", section) + "\nlisten = [\"192.0.2.1\", \"192.0.2.1\"]\n", "is there twice");
  std::string many;
  for (int i = 0; i < 40; ++i) many += fmt::format("\"192.0.2.{}\", ", i + 1);
  check("[rtsp]\nlisten = [" + many + "]\n", "with the others that are raced more than");
  check("[rtsp]\nrace = false\nlisten = [" + many + "]\n", "good");
  check("[http]\ntarget = \"16KiB\"\n", "is more than http.header");
}

BOOST_AUTO_TEST_CASE(statuses_are_those_of_redirects) {
  const auto check = [](const std::string& keys, const std::string& part) {
    BOOST_TEST(said(read(kHttp, kPolicies + kHosts + keys, kLocation), part) == part);
  };
  for (const char* const status : {"301", "302", "303", "307", "308"})
    check("status = " + std::string(status) + "\n", "good");
  check("status = 304\n", "304 is none of 301, 302, 303, 307, 308");
  check("status_other = 302\n", "with others clients would send a GET");
}

BOOST_AUTO_TEST_SUITE_END()
