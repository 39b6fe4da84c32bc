#include "common/net/certificates.hh"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/net/tls.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using std::chrono::days;
using std::chrono::hours;

namespace {

const RealTime kNow(std::chrono::seconds(1'800'000'000));

/// A directory with a CA (30 days) and a certificate for fra (10 days).
struct Files {
  std::string directory;
  Files() {
    std::string pattern = (std::filesystem::temp_directory_path() / "flagfall-cert-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
    BOOST_REQUIRE(net::make_ca({directory, days(30)}, kNow).ok());
    BOOST_REQUIRE(net::make_certificate("fra", {directory, days(10)}, kNow).ok());
  }
  ~Files() { std::filesystem::remove_all(directory); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  Files(Files&&) = delete;
  Files& operator=(Files&&) = delete;

  [[nodiscard]] std::string path(const std::string& file) const { return directory + "/" + file; }
  [[nodiscard]] net::TlsFiles tls(const std::string& host = "fra") const {
    return {path("ca.crt"), path(host + ".crt"), path(host + ".key")};
  }
  [[nodiscard]] std::string text(const std::string& file) const {
    std::ifstream in(path(file));
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  void write(const std::string& file, const std::string& text) const { std::ofstream(path(file)) << text; }
};

unsigned mode(const std::string& path) {
  struct stat status {};
  BOOST_REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

/// The error's text; fails when there is none, or when it is not one line.
std::string load_error(const net::TlsFiles& files, RealTime now = kNow) {
  const auto context = net::TlsContext::load(net::TlsRole::server, files, now);
  BOOST_REQUIRE(!context.ok());
  BOOST_TEST(context.error().find('\n') == std::string::npos);
  return context.error();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(certificates)

BOOST_AUTO_TEST_CASE(a_made_certificate_serves_in_both_roles_under_its_name) {
  const Files files;
  for (const auto role : {net::TlsRole::server, net::TlsRole::client}) {
    const auto context = net::TlsContext::load(role, files.tls(), kNow);
    BOOST_REQUIRE_MESSAGE(context.ok(), (context.ok() ? std::string() : context.error()));
    BOOST_TEST(context->name() == "fra");
    BOOST_TEST((context->expires() == kNow + days(10)));
  }
}

BOOST_AUTO_TEST_CASE(keys_are_private_and_certificates_are_not) {
  const Files files;
  BOOST_TEST(mode(files.path("ca.key")) == 0600U);
  BOOST_TEST(mode(files.path("fra.key")) == 0600U);
  BOOST_TEST(mode(files.path("fra.crt")) == 0644U);
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(files.directory)) ++entries;
  BOOST_TEST(entries == 4U);  // no temporary file is left
}

BOOST_AUTO_TEST_CASE(nothing_is_overwritten_without_force) {
  const Files files;
  const std::string key = files.text("fra.key");
  const auto again = net::make_certificate("fra", {files.directory, days(10)}, kNow);
  BOOST_REQUIRE(!again.ok());
  BOOST_TEST(contains(again.error(), "fra.key exists already; --force replaces it"));
  BOOST_TEST(!net::make_ca({files.directory, days(10)}, kNow).ok());
  BOOST_TEST(files.text("fra.key") == key);
  BOOST_TEST(net::make_certificate("fra", {files.directory, days(10), true}, kNow).ok());
  BOOST_TEST(files.text("fra.key") != key);
  BOOST_TEST(net::TlsContext::load(net::TlsRole::server, files.tls(), kNow).ok());
}

BOOST_AUTO_TEST_CASE(a_certificate_does_not_outlive_its_ca) {
  const Files files;
  BOOST_REQUIRE(net::make_certificate("nyc", {files.directory, days(1000)}, kNow).ok());
  const auto context = net::TlsContext::load(net::TlsRole::client, files.tls("nyc"), kNow);
  BOOST_TEST((context->expires() == kNow + days(30)));
  const auto late = net::make_certificate("sin", {files.directory, days(5)}, kNow + days(31));
  BOOST_REQUIRE(!late.ok());
  BOOST_TEST(contains(late.error(), "ca.crt has expired"));
}

BOOST_AUTO_TEST_CASE(names_that_could_leave_the_directory_or_confuse_are_refused) {
  const Files files;
  for (const std::string name : {"", "../fra", "a/b", "FRA", "a b", "-x", ".x", "ca", "a*b"})
    BOOST_TEST(!net::make_certificate(name, {files.directory, days(1)}, kNow).ok());
  BOOST_TEST(!net::check_host_name(std::string(65, 'a')).ok());
  BOOST_TEST(net::check_host_name("slave-1.fra_2.example.test").ok());
}

BOOST_AUTO_TEST_CASE(a_host_without_a_ca_is_told_how_to_make_one) {
  const Files files;
  const auto made = net::make_certificate("nyc", {files.path("elsewhere"), days(1)}, kNow);
  BOOST_REQUIRE(!made.ok());
  BOOST_TEST(contains(made.error(), "make a CA with `flagfall keygen --ca"));
}

BOOST_AUTO_TEST_CASE(missing_files_are_named_with_what_to_do) {
  const Files files;
  auto bad = files.tls();
  bad.ca = files.path("none.crt");
  BOOST_TEST(load_error(bad) ==
             "CA " + bad.ca + ": No such file or directory (make one with `flagfall keygen --ca DIR`)");
  bad = files.tls("none");
  BOOST_TEST(contains(load_error(bad), "certificate " + bad.certificate + ": No such file"));
  bad = files.tls();
  bad.key = files.path("none.key");
  BOOST_TEST(contains(load_error(bad), "key " + bad.key + ": No such file"));
}

BOOST_AUTO_TEST_CASE(a_key_that_others_may_read_is_refused) {
  const Files files;
  for (const unsigned bits : {0640U, 0604U, 0644U, 0620U}) {
    std::filesystem::permissions(files.path("fra.key"), static_cast<std::filesystem::perms>(bits));
    BOOST_TEST(contains(load_error(files.tls()), "run `chmod 600 " + files.path("fra.key") + "`"));
  }
  std::filesystem::permissions(files.path("fra.key"), static_cast<std::filesystem::perms>(0400));
  BOOST_TEST(net::TlsContext::load(net::TlsRole::server, files.tls(), kNow).ok());
}

BOOST_AUTO_TEST_CASE(a_key_of_another_certificate_is_refused) {
  const Files files;
  BOOST_REQUIRE(net::make_certificate("nyc", {files.directory, days(1)}, kNow).ok());
  auto mixed = files.tls();
  mixed.key = files.path("nyc.key");
  BOOST_TEST(contains(load_error(mixed), "it does not belong to certificate"));
}

BOOST_AUTO_TEST_CASE(expired_and_future_certificates_are_refused) {
  const Files files;
  BOOST_TEST(contains(load_error(files.tls(), kNow + days(11)), "it expired on 2027-01-25"));
  BOOST_TEST(contains(load_error(files.tls(), kNow - hours(2)), "it is valid from"));
}

BOOST_AUTO_TEST_CASE(a_certificate_of_another_ca_is_refused) {
  const Files files;
  const Files other;
  auto mixed = files.tls();
  mixed.ca = other.path("ca.crt");
  BOOST_TEST(contains(load_error(mixed), "does not vouch for it"));
}

BOOST_AUTO_TEST_CASE(files_that_are_not_pem_are_refused_whatever_is_in_them) {
  const Files files;
  const std::string certificate = files.text("fra.crt");
  for (const std::string& junk :
       {std::string(), std::string("hello"), certificate.substr(0, certificate.size() / 2),
        std::string(100'000, '\0')}) {
    files.write("fra.crt", junk);
    BOOST_TEST(contains(load_error(files.tls()), "there is no PEM certificate in it"));
  }
  files.write("fra.crt", certificate);
  files.write("fra.key", certificate);
  BOOST_TEST(contains(load_error(files.tls()), "there is no PEM private key without a passphrase in it"));
  files.write("ca.crt", "x");
  BOOST_TEST(contains(load_error(files.tls()), "CA " + files.path("ca.crt")));
}

BOOST_AUTO_TEST_CASE(a_certificate_near_its_end_is_said) {
  const RealTime end = kNow + days(40);
  BOOST_TEST(net::expiry_warning("a.crt", end, kNow).empty());
  BOOST_TEST(contains(net::expiry_warning("a.crt", end, kNow + days(35)), "in 5 days"));
}

BOOST_AUTO_TEST_SUITE_END()
