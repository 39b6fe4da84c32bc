#include "common/dns/cookies.hh"

#include <sys/stat.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/unit/dns/dns_text.hh"
#include "tests/unit/wire/dns_bytes.hh"

using flagfall::IpAddress;
using flagfall::dns::Cookies;
using flagfall::test::hex;
using flagfall::test::TempDir;
using Verdict = Cookies::Verdict;

namespace {

template <class Array>
Array array_of(std::string_view digits) {
  Array out{};
  const auto octets = hex(digits);
  BOOST_REQUIRE(octets.size() == out.size());
  std::ranges::copy(octets, out.begin());
  return out;
}
Cookies::Secret secret(std::string_view digits) {
  return array_of<Cookies::Secret>(digits);
}
Cookies::Client client(std::string_view digits) {
  return array_of<Cookies::Client>(digits);
}
Cookies::Server server(std::string_view digits) {
  return array_of<Cookies::Server>(digits);
}
IpAddress ip(std::string_view text) {
  return *flagfall::parse_ip(text);
}

/// RFC 9018 Appendix A uses these throughout A.1 to A.3.
const Cookies& rfc() {
  static const Cookies cookies({secret("e5e973e5a6b2a43f48e7dc849e37bfcf")});
  return cookies;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cookies)

BOOST_AUTO_TEST_CASE(a_new_cookie_is_that_of_rfc_9018_appendix_a_1) {
  const auto made = rfc().make(client("2464c4abcf10c957"), ip("198.51.100.100"), 1559731985);
  BOOST_TEST(made == server("010000005cf79f111f8130c3eee29480"), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_renewed_cookie_is_that_of_rfc_9018_appendix_a_2) {
  const auto c = client("2464c4abcf10c957");
  const auto old = server("010000005cf79f111f8130c3eee29480");
  BOOST_TEST((rfc().check(c, old, ip("198.51.100.100"), 1559734385) == Verdict::renew));  // 40 minutes later
  const auto fresh = rfc().make(c, ip("198.51.100.100"), 1559734385);
  BOOST_TEST(fresh == server("010000005cf7a871d4a564a1442aca77"), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(reserved_octets_are_hashed_as_they_come_as_in_rfc_9018_appendix_a_3) {
  const auto c = client("fc93fc62807ddb86");
  BOOST_TEST((rfc().check(c, server("01abcdef5cf78f71a314227b6679ebf5"), ip("203.0.113.203"), 1559728137) ==
              Verdict::valid));
  const auto fresh = rfc().make(c, ip("203.0.113.203"), 1559734700);
  BOOST_TEST(fresh == server("010000005cf7a9acf73a7810aca2381e"), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(secrets_roll_over_over_ipv6_as_in_rfc_9018_appendix_a_4) {
  const auto old_secret = secret("dd3bdf9344b678b185a6f5cb60fca715");
  const auto new_secret = secret("445536bcd2513298075a5d379663c962");
  const auto c = client("22681ab97d52c298");
  const auto address = ip("2001:db8:220:1:59de:d0f4:8769:82b8");
  const auto old = server("010000005cf7c57926556bd0934c72f8");
  const std::uint32_t now = 1559741961;
  BOOST_TEST((Cookies({new_secret, old_secret}).check(c, old, address, now) == Verdict::renew));
  BOOST_TEST((Cookies({old_secret, new_secret}).check(c, old, address, now) == Verdict::valid));
  BOOST_TEST((Cookies({new_secret}).check(c, old, address, now) == Verdict::invalid));
  const auto fresh = Cookies({new_secret, old_secret}).make(c, address, now);
  BOOST_TEST(fresh == server("010000005cf7c609a6bb79d16625507a"), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_cookie_lives_an_hour_and_is_renewed_after_half_of_it) {
  const auto c = client("0102030405060708");
  const std::uint32_t made_at = 1'800'000'000;
  const auto cookie = rfc().make(c, ip("192.0.2.1"), made_at);
  const auto at = [&](std::int64_t seconds) {
    return rfc().check(c, cookie, ip("192.0.2.1"), static_cast<std::uint32_t>(made_at + seconds));
  };
  BOOST_TEST((at(-301) == Verdict::invalid));
  BOOST_TEST((at(-300) == Verdict::valid));
  BOOST_TEST((at(0) == Verdict::valid));
  BOOST_TEST((at(1800) == Verdict::valid));
  BOOST_TEST((at(1801) == Verdict::renew));
  BOOST_TEST((at(3600) == Verdict::renew));
  BOOST_TEST((at(3601) == Verdict::invalid));
}

BOOST_AUTO_TEST_CASE(time_may_wrap_around) {
  const auto c = client("0102030405060708");
  const auto cookie = rfc().make(c, ip("192.0.2.1"), 0xfffffff0);
  BOOST_TEST((rfc().check(c, cookie, ip("192.0.2.1"), 16) == Verdict::valid));
  BOOST_TEST((rfc().check(c, cookie, ip("192.0.2.1"), 5000) == Verdict::invalid));
}

BOOST_AUTO_TEST_CASE(nothing_but_the_whole_cookie_of_that_client_is_valid) {
  const auto c = client("0102030405060708");
  const auto good = rfc().make(c, ip("192.0.2.1"), 1000000);
  const auto check = [&](const Cookies::Client& who, flagfall::Bytes cookie, std::string_view address) {
    return rfc().check(who, cookie, ip(address), 1000000);
  };
  BOOST_TEST((check(c, good, "192.0.2.1") == Verdict::valid));
  BOOST_TEST((check(c, good, "192.0.2.2") == Verdict::invalid));
  BOOST_TEST((check(c, good, "2001:db8::1") == Verdict::invalid));
  BOOST_TEST((check(client("0102030405060709"), good, "192.0.2.1") == Verdict::invalid));
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad.at(bit / 8) = static_cast<std::uint8_t>(bad.at(bit / 8) ^ (1U << (bit % 8)));
    BOOST_TEST((check(c, bad, "192.0.2.1") == Verdict::invalid));
  }
  for (std::size_t n = 0; n < 16; ++n)
    BOOST_TEST((check(c, flagfall::Bytes(good).first(n), "192.0.2.1") == Verdict::invalid));
  const flagfall::test::Octets longer(32, 1);
  BOOST_TEST((check(c, longer, "192.0.2.1") == Verdict::invalid));
}

BOOST_AUTO_TEST_CASE(secrets_are_read_from_a_file_the_active_one_first) {
  const TempDir dir;
  const auto file = dir.file("secrets",
                             "# rolled over on Monday\n\n  445536bcd2513298075a5d379663c962  # active\n"
                             "DD3BDF9344B678B185A6F5CB60FCA715\r\n");
  chmod(file.c_str(), 0600);
  const auto secrets = Cookies::load(file);
  BOOST_REQUIRE_MESSAGE(secrets.ok(), (secrets ? "" : secrets.error()));
  BOOST_REQUIRE(secrets->size() == 2U);
  BOOST_TEST(secrets->at(0) == secret("445536bcd2513298075a5d379663c962"), boost::test_tools::per_element());
  BOOST_TEST(secrets->at(1) == secret("dd3bdf9344b678b185a6f5cb60fca715"), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_bad_secrets_file_is_refused_with_its_line) {
  const TempDir dir;
  const auto error_of = [&](const std::string& text, mode_t mode = 0600) {
    const auto file = dir.file("s", text);
    chmod(file.c_str(), mode);
    const auto secrets = Cookies::load(file);
    return secrets ? std::string() : secrets.error().substr(dir.path().size() + 1);
  };
  const std::string good = "445536bcd2513298075a5d379663c962\n";
  BOOST_TEST(error_of(good).empty());
  BOOST_TEST(error_of(good, 0640).empty());  // a group may read, so that one can be shared with the daemon
  BOOST_TEST(error_of(good, 0644) == "s: others may read or change the cookie secrets; chmod 600 it");
  BOOST_TEST(error_of(good, 0660) == "s: others may read or change the cookie secrets; chmod 600 it");
  const std::string want = "a cookie secret is 32 hex digits; make one with: openssl rand -hex 16";
  BOOST_TEST(error_of(good + "445536bcd2513298075a5d379663c9\n") == "s:2: " + want);
  BOOST_TEST(error_of("445536bcd2513298075a5d379663c96g\n") == "s:1: " + want);
  BOOST_TEST(error_of("+45536bcd2513298075a5d379663c962\n") == "s:1: " + want);
  BOOST_TEST(error_of("# nothing\n") == "s: holds no cookie secret; make one with: openssl rand -hex 16");
  BOOST_TEST(Cookies::load(dir.path() + "/none")
                 .error()
                 .ends_with("cannot read the cookie secrets: No such file or directory"));
  BOOST_TEST(!Cookies::load(dir.path()).ok());
}

BOOST_AUTO_TEST_SUITE_END()
