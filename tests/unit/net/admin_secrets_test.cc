#include "common/net/admin_secrets.hh"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "common/net/certificates.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test

namespace {

struct Files {
  std::string path = "/tmp/ff-secrets-XXXXXX";
  RealTime now = SystemClock().real();
  Files() { BOOST_REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~Files() { std::filesystem::remove_all(path); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  Files(Files&&) = delete;
  Files& operator=(Files&&) = delete;
  [[nodiscard]] std::string write(const std::string& name, const std::string& text,
                                  mode_t mode = 0600) const {
    std::string file = path + "/" + name;
    std::ofstream(file, std::ios::binary) << text;
    BOOST_REQUIRE(chmod(file.c_str(), mode) == 0);
    return file;
  }
  void make_certificates() const {
    const net::CertificateOptions options{path, std::chrono::days(30), true};
    BOOST_REQUIRE(net::make_ca(options, now).ok());
    BOOST_REQUIRE(net::make_certificate("master", options, now).ok());
    BOOST_REQUIRE(net::make_certificate("other", options, now).ok());
  }
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string complaint(const net::AdminFiles& files, RealTime now) {
  const auto loaded = net::AdminSecrets::load(files, now);
  return loaded ? "none" : loaded.error();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(admin_secrets)

BOOST_AUTO_TEST_CASE(a_token_matches_itself_and_nothing_else) {
  const Files files;
  const auto token = net::AdminToken::load(files.write("token", "a-token-of-20-letters\n"));
  BOOST_REQUIRE(token.ok());
  BOOST_TEST(token->matches("a-token-of-20-letters"));
  for (const std::string other : {"", "a-token-of-20-letter", "a-token-of-20-letterS",
                                  "a-token-of-20-letters\n", "a-token-of-20-letters "})
    BOOST_TEST(!token->matches(other), other);
  BOOST_TEST(!token->matches(std::string("a-token-of-20-letters\0", 22)));
}

BOOST_AUTO_TEST_CASE(a_token_that_others_could_have_is_refused) {
  const Files files;
  const auto why = [](const std::string& file) {
    const auto token = net::AdminToken::load(file);
    return token ? std::string("none") : token.error();
  };
  BOOST_TEST(holds(why(files.path + "/missing"), "openssl rand -hex 32"));
  BOOST_TEST(holds(why(files.write("open", "0123456789abcdef\n", 0644)), "chmod 600"));
  BOOST_TEST(holds(why(files.write("group", "0123456789abcdef\n", 0640)), "chmod 600"));
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("short\n"), std::string("two words of a token\n"),
        std::string("0123456789abcdef\n0123456789abcdef\n"), std::string("0123456789abcdef\r\n"),
        std::string("0123456789abcde\0", 16), std::string(513, 'x'), std::string(100'000, 'x')})
    BOOST_TEST(holds(why(files.write("bad", text)), "one line of 16 to 512"), text.substr(0, 40));
  BOOST_TEST(why(files.write("longest", std::string(512, 'x') + "\n")) == "none");
}

BOOST_AUTO_TEST_CASE(the_token_for_reports_is_another_than_the_operators) {
  const Files files;
  const std::string one = files.write("one", "0123456789abcdef\n");
  const std::string other = files.write("other", "another-token-of-this-test\n");
  const auto good = net::AdminSecrets::load({{}, {}, one, other}, files.now);
  BOOST_REQUIRE(good.ok());
  BOOST_TEST(good->report_token->matches("another-token-of-this-test"));
  BOOST_TEST(net::AdminSecrets::load({{}, {}, {}, other}, files.now).ok());
  BOOST_TEST(holds(complaint({{}, {}, one, files.write("same", "0123456789abcdef\n")}, files.now),
                   "the operator's, too"));
  BOOST_TEST(holds(complaint({{}, {}, one, files.path + "/missing"}, files.now), "openssl rand -hex 32"));
}

BOOST_AUTO_TEST_CASE(certificates_are_checked_before_anything_is_bound) {
  const Files files;
  files.make_certificates();
  const std::string& dir = files.path;
  BOOST_TEST(complaint({}, files.now) == "none");
  const auto good = net::AdminSecrets::load({dir + "/master.crt", dir + "/master.key", {}}, files.now);
  BOOST_REQUIRE(good.ok());
  BOOST_REQUIRE(good->tls);
  BOOST_TEST(!good->token);
  const auto left = good->tls->expires() - files.now;
  BOOST_TEST((left > std::chrono::days(29) && left <= std::chrono::days(30)));
  BOOST_TEST(holds(complaint({dir + "/none.crt", dir + "/master.key", {}}, files.now), "none.crt"));
  BOOST_TEST(holds(complaint({dir + "/master.crt", dir + "/none.key", {}}, files.now), "none.key"));
  BOOST_TEST(holds(complaint({dir + "/master.crt", dir + "/other.key", {}}, files.now), "does not belong"));
  BOOST_TEST(
      holds(complaint({dir + "/master.key", dir + "/master.key", {}}, files.now), "no PEM certificate"));
  BOOST_TEST(
      holds(complaint({dir + "/master.crt", dir + "/master.key", {}}, files.now + std::chrono::days(31)),
            "expired"));
  BOOST_REQUIRE(chmod((dir + "/master.key").c_str(), 0644) == 0);
  BOOST_TEST(holds(complaint({dir + "/master.crt", dir + "/master.key", {}}, files.now), "chmod 600"));
}

BOOST_AUTO_TEST_SUITE_END()
