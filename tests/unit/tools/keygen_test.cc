#include "tools/keygen.hh"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/net/tls.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test

namespace {

const RealTime kNow(std::chrono::seconds(1'800'000'000));

struct Ran {
  std::string directory;
  std::ostringstream out, error;
  Ran() {
    std::string pattern = (std::filesystem::temp_directory_path() / "flagfall-keygen-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    directory = pattern + "/ca";
  }
  ~Ran() { std::filesystem::remove_all(std::filesystem::path(directory).parent_path()); }
  Ran(const Ran&) = delete;
  Ran& operator=(const Ran&) = delete;
  Ran(Ran&&) = delete;
  Ran& operator=(Ran&&) = delete;

  int run(const tools::KeygenOptions& options) {
    out.str("");
    error.str("");
    return tools::keygen(options, kNow, out, error);
  }
  [[nodiscard]] bool loads(const std::string& host) const {
    const std::string stem = directory + "/" + host;
    return net::TlsContext::load(net::TlsRole::client, {directory + "/ca.crt", stem + ".crt", stem + ".key"},
                                 kNow)
        .ok();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(keygen)

BOOST_AUTO_TEST_CASE(a_ca_and_then_hosts_make_a_working_set_of_files) {
  Ran ran;
  BOOST_TEST(ran.run({.ca = ran.directory}) == 0);
  BOOST_TEST(ran.out.str().find("/ca.key  signs new hosts") != std::string::npos);
  BOOST_TEST(ran.run({.directory = ran.directory, .hosts = {"master-1", "fra"}}) == 0);
  BOOST_TEST(ran.loads("master-1"));
  BOOST_TEST(ran.loads("fra"));
}

BOOST_AUTO_TEST_CASE(ca_and_hosts_can_be_made_in_one_go) {
  Ran ran;
  BOOST_TEST(ran.run({.ca = ran.directory, .hosts = {"fra"}}) == 0);
  BOOST_TEST(ran.loads("fra"));
}

BOOST_AUTO_TEST_CASE(existing_files_are_kept_and_said) {
  Ran ran;
  BOOST_TEST(ran.run({.ca = ran.directory}) == 0);
  BOOST_TEST(ran.run({.ca = ran.directory}) == 1);
  BOOST_TEST(ran.error.str() ==
             "flagfall keygen: " + ran.directory + "/ca.key exists already; --force replaces it\n");
  BOOST_TEST(ran.run({.ca = ran.directory, .force = true}) == 0);
}

BOOST_AUTO_TEST_CASE(one_bad_name_makes_nothing) {
  Ran ran;
  BOOST_TEST(ran.run({.ca = ran.directory}) == 0);
  BOOST_TEST(ran.run({.directory = ran.directory, .hosts = {"fra", "../nyc"}}) == 1);
  BOOST_TEST(!std::filesystem::exists(ran.directory + "/fra.crt"));
}

BOOST_AUTO_TEST_CASE(without_anything_to_make_it_says_how_to_call_it) {
  Ran ran;
  BOOST_TEST(ran.run({}) == 2);
  BOOST_TEST(ran.error.str().find("give --ca DIR") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
