#include "tools/admin_target.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <fstream>

#include "tools/admin_client.hh"

namespace tools = flagfall::tools;

namespace {

struct File {
  explicit File(const std::string& text, mode_t mode = 0600) {
    const int fd = mkstemp(path.data());
    BOOST_REQUIRE(fd >= 0);
    (void)close(fd);
    std::ofstream(path, std::ios::binary) << text;
    BOOST_REQUIRE(chmod(path.c_str(), mode) == 0);
  }
  ~File() { (void)std::remove(path.c_str()); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  File(File&&) = delete;
  File& operator=(File&&) = delete;
  std::string path = "/tmp/flagfall-token-XXXXXX";
};

}  // namespace

BOOST_AUTO_TEST_SUITE(admin_target)

BOOST_AUTO_TEST_CASE(a_listener_is_a_path_or_a_url) {
  const auto socket = tools::parse_admin_target("/run/flagfall/master.sock");
  BOOST_REQUIRE(socket.ok());
  BOOST_TEST(socket->socket == "/run/flagfall/master.sock");
  const auto name = tools::parse_admin_target("https://ns1.example.test/");
  BOOST_REQUIRE(name.ok());
  BOOST_TEST(name->host == "ns1.example.test");
  BOOST_TEST(name->port == tools::kMasterAdminPort);
  BOOST_TEST(name->tls);
  const auto v6 = tools::parse_admin_target("http://[::1]:8080");
  BOOST_REQUIRE(v6.ok());
  BOOST_TEST(v6->host == "::1");
  BOOST_TEST(v6->port == 8080);
  BOOST_TEST(!v6->tls);
  BOOST_TEST(tools::to_string(*v6) == "http://[::1]:8080");
  BOOST_TEST(tools::to_string(*name) == "https://ns1.example.test:4980");
}

BOOST_AUTO_TEST_CASE(what_is_neither_is_an_error_that_says_how_to_write_it) {
  for (const char* text : {"", "ftp://host", "http://", "https://:80", "http://host:0", "http://host:65536",
                           "http://host:x", "http://host:80/path", "http://[::1", "http://[192.0.2.1]",
                           "http://[::1]x", "http://user@host", "http://ho st", "http://host\r\nX: y"}) {
    const auto target = tools::parse_admin_target(text);
    BOOST_REQUIRE_MESSAGE(!target.ok(), text);
    BOOST_TEST(target.error().find("write https://HOST:PORT") != std::string::npos, text);
  }
}

BOOST_AUTO_TEST_CASE(only_this_host_is_loopback) {
  for (const char* text :
       {"/a/socket", "http://localhost", "http://127.8.9.1", "http://[::1]:80", "https://127.0.0.1"})
    BOOST_TEST(tools::is_loopback(*tools::parse_admin_target(text)), text);
  for (const char* text :
       {"http://192.0.2.1", "https://localhost.example.test", "http://[2001:db8::1]", "http://127.evil"})
    BOOST_TEST(!tools::is_loopback(*tools::parse_admin_target(text)), text);
}

BOOST_AUTO_TEST_CASE(a_token_is_never_sent_in_the_clear_to_another_host) {
  auto target = *tools::parse_admin_target("http://192.0.2.1:80");
  target.token = "0123456789abcdef";
  const auto answer = tools::admin_request(target, "POST", "/client-report", "{}", std::chrono::seconds(1));
  BOOST_REQUIRE(!answer.ok());
  BOOST_TEST(answer.error().find("the token would cross the network for all to read") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_token_is_one_line_that_only_its_owner_can_read) {
  BOOST_TEST(*tools::read_token(File("0123456789abcdef\n").path) == "0123456789abcdef");
  BOOST_TEST(*tools::read_token(File("0123456789abcdef").path) == "0123456789abcdef");
  BOOST_TEST(tools::read_token(File("0123456789abcdef", 0644).path).error().find("chmod 600") !=
             std::string::npos);
  for (const std::string& text : {std::string(), std::string("\n"), std::string("two words\n"),
                                  std::string("a\r\n"), std::string(513, 'x'), std::string("a\0b", 3)})
    BOOST_TEST(!tools::read_token(File(text).path).ok(), text.size());
  BOOST_TEST(tools::read_token("/nowhere/token").error() == "/nowhere/token: No such file or directory");
}

BOOST_AUTO_TEST_SUITE_END()
