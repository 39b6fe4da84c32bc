// HTTP answers of any shape, and a server on a Unix socket that is there, or not.
#include "tools/admin_client.hh"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <thread>

#include "common/net/fd.hh"

namespace net = flagfall::net;
namespace tools = flagfall::tools;

namespace {

struct Folder {
  std::string path =
      (std::filesystem::temp_directory_path() / ("flagfall-admin-" + std::to_string(getpid()))).string();
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  Folder(Folder&&) = delete;
  Folder& operator=(Folder&&) = delete;
  [[nodiscard]] std::string socket() const { return path + "/master.sock"; }
};

net::Fd listen_at(const std::string& path) {
  net::Fd fd(net::check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  net::check(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
             "bind");  // NOLINT(*-cast)
  net::check(listen(fd.get(), 4), "listen");
  return fd;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(admin_client, Folder)

BOOST_AUTO_TEST_CASE(an_answer_has_its_status_and_as_much_body_as_it_says) {
  const auto response =
      tools::parse_http_response("HTTP/1.1 409 Conflict\r\nContent-LENGTH:  2 \r\nX: y\r\n\r\n{}junk");
  BOOST_REQUIRE(response.ok());
  BOOST_TEST(response->status == 409);
  BOOST_TEST(response->body == "{}");
  BOOST_TEST(tools::parse_http_response("HTTP/1.0 200 OK\r\n\r\nall of it")->body == "all of it");
}

BOOST_AUTO_TEST_CASE(what_is_no_http_answer_is_refused) {
  for (const auto* text :
       {"", "hello", "HTTP/1.1 200 OK\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 42\r\n\r\n"})
    BOOST_CHECK_MESSAGE(!tools::parse_http_response(text).ok(), text);
}

BOOST_AUTO_TEST_CASE(a_request_reaches_the_server_and_its_answer_comes_back) {
  const net::Fd server = listen_at(socket());
  std::string asked;
  std::thread thread([&] {
    const net::Fd client(accept(server.get(), nullptr, nullptr));
    std::array<char, 1024> buffer{};
    const ssize_t n = recv(client.get(), buffer.data(), buffer.size(), 0);
    asked.assign(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    // In two pieces: one read is not one answer.
    for (const std::string_view part :
         {"HTTP/1.1 200 OK\r\nContent-Le", "ngth: 16\r\n\r\n{\"paused\": true}"})
      (void)send(client.get(), part.data(), part.size(), MSG_NOSIGNAL);
  });
  const auto response = tools::admin_request(socket(), "POST", "/pause-racing");
  thread.join();
  BOOST_REQUIRE_MESSAGE(response.ok(), (response ? std::string() : response.error()));
  BOOST_TEST(response->status == 200);
  BOOST_TEST(response->body == R"({"paused": true})");
  BOOST_TEST(asked.starts_with("POST /pause-racing HTTP/1.1\r\n"));
  BOOST_TEST(asked.find("Content-Length: 0\r\n") != std::string::npos);
  BOOST_TEST(asked.ends_with("\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(nobody_there_says_what_to_look_at) {
  const auto missing = tools::admin_request(socket(), "GET", "/status");
  BOOST_REQUIRE(!missing.ok());
  BOOST_TEST(missing.error() ==
             socket() + ": nobody listens there; is flagfall-master running, and is this its admin.socket?");
  { const net::Fd stale = listen_at(socket()); }
  const auto refused = tools::admin_request(socket(), "GET", "/status");
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.error().find("is flagfall-master running") != std::string::npos);
  BOOST_TEST(!tools::admin_request(std::string(200, 'x'), "GET", "/status").ok());
  BOOST_TEST(!tools::admin_request("", "GET", "/status").ok());
}

BOOST_AUTO_TEST_CASE(a_socket_that_is_not_ours_says_which_group_to_join) {
  if (geteuid() == 0) {
    // Root may open anything: be somebody else in a child process.
    const net::Fd server = listen_at(socket());
    chmod(socket().c_str(), 0600);
    const pid_t child = fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
      if (setuid(65534) != 0) _exit(3);
      const auto response = tools::admin_request(socket(), "GET", "/status");
      _exit(!response.ok() && response.error().find("join the group") != std::string::npos ? 0 : 1);
    }
    int status = 0;
    BOOST_REQUIRE(waitpid(child, &status, 0) == child);
    BOOST_TEST(status == 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()
