#include "common/net/admin.hh"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "common/net/fd.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;

namespace {

struct Folder {
  std::string path = "/tmp/ff-admin-XXXXXX";
  Folder() { BOOST_REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  Folder(Folder&&) = delete;
  Folder& operator=(Folder&&) = delete;
  [[nodiscard]] std::string socket() const { return path + "/admin.sock"; }
};

net::Fd dial(const std::string& path) {
  net::Fd fd(net::check(socket(AF_UNIX, SOCK_STREAM, 0), "socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  net::check(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  return fd;
}

std::string ask(net::Loop& loop, const std::string& path, const std::string& request) {
  const net::Fd fd = dial(path);
  BOOST_REQUIRE(write(fd.get(), request.data(), request.size()) == static_cast<ssize_t>(request.size()));
  const net::Watch end = loop.after(30ms, [&] { loop.stop(); });
  loop.run();
  std::string out(65536, '\0');
  const ssize_t n = recv(fd.get(), out.data(), out.size(), MSG_DONTWAIT);
  out.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return out;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(admin)

BOOST_AUTO_TEST_CASE(every_post_that_was_taken_is_told_with_its_reply_and_by_whom) {
  const Folder folder;
  net::Loop loop;
  net::AdminServer server(loop, folder.socket());
  std::vector<std::string> told;
  server.on_command([&](const net::AdminRequest& request, const net::AdminReply& reply) {
    told.push_back(request.path + " " + std::to_string(reply.status));
    BOOST_REQUIRE(request.peer.process.has_value());
    BOOST_TEST(request.peer.process->uid == getuid());
    BOOST_TEST(request.peer.process->pid == getpid());
  });
  server.get("/status", [] { return net::AdminReply{200, "{}"}; });
  server.post("/pause", [] { return net::AdminReply{200, "{}"}; });
  server.post("/broken", []() -> net::AdminReply { throw std::runtime_error("no luck"); });
  net::AdminServer::Answer later;
  server.post_slow("/reload", [&](net::AdminServer::Answer answer) { later = std::move(answer); });
  for (const char* line : {"GET /status", "POST /pause", "POST /status", "POST /nothing", "POST /broken"})
    (void)ask(loop, folder.socket(), std::string(line) + " HTTP/1.1\r\nHost: m\r\nContent-Length: 0\r\n\r\n");
  BOOST_TEST(told == (std::vector<std::string>{"/pause 200", "/broken 500"}),
             boost::test_tools::per_element());
  // Who asks may have gone when it is done.
  (void)ask(loop, folder.socket(), "POST /reload HTTP/1.1\r\nHost: m\r\nContent-Length: 0\r\n\r\n");
  const net::Watch end = loop.after(30ms, [&] { loop.stop(); });
  loop.run();
  BOOST_TEST(told.size() == 2U);
  later({409, "{}"});
  BOOST_REQUIRE(told.size() == 3U);
  BOOST_TEST(told[2] == "/reload 409");
}

BOOST_AUTO_TEST_CASE(routes_answer_by_method_and_path) {
  const Folder folder;
  net::Loop loop;
  net::AdminServer server(loop, folder.socket());
  bool paused = false;
  server.get("/status", [] { return net::AdminReply{200, R"({"version": 1})"}; });
  server.post("/pause", [&] {
    paused = true;
    return net::AdminReply{200, R"({"paused": true})"};
  });
  server.get("/broken", []() -> net::AdminReply { throw std::runtime_error(R"(no "luck")"); });
  const std::string status = ask(loop, folder.socket(), "GET /status?x=1 HTTP/1.1\r\nHost: master\r\n\r\n");
  BOOST_TEST(holds(status, "200 OK"));
  BOOST_TEST(holds(status, "Content-Type: application/json"));
  BOOST_TEST(holds(status, R"({"version": 1})"));
  BOOST_TEST(holds(ask(loop, folder.socket(), "GET /pause HTTP/1.1\r\nHost: m\r\n\r\n"), " 405 "));
  BOOST_TEST(!paused);
  BOOST_TEST(holds(ask(loop, folder.socket(), "POST /pause HTTP/1.1\r\nHost: m\r\nContent-Length: 0\r\n\r\n"),
                   " 200 "));
  BOOST_TEST(paused);
  BOOST_TEST(holds(ask(loop, folder.socket(), "GET /other HTTP/1.1\r\nHost: m\r\n\r\n"), " 404 "));
  const std::string broken = ask(loop, folder.socket(), "GET /broken HTTP/1.1\r\nHost: m\r\n\r\n");
  BOOST_TEST(holds(broken, " 500 "));
  BOOST_TEST(holds(broken, R"({"error": "no \"luck\""})"));
}

BOOST_AUTO_TEST_CASE(handlers_see_the_query_the_body_and_who_asks) {
  const Folder folder;
  net::Loop loop;
  net::AdminServer server(loop, folder.socket());
  std::optional<net::AdminRequest> seen;
  const auto look = [&](const net::AdminRequest& request) {
    seen = request;
    return net::AdminReply{200, "done", "text/plain; charset=utf-8"};
  };
  server.get("/stats", look);
  server.post("/arrivals", look);
  const std::string got =
      ask(loop, folder.socket(), "GET /stats?by=server&name=a%20b%26c&flag HTTP/1.1\r\nHost: m\r\n\r\n");
  BOOST_TEST(holds(got, "Content-Type: text/plain; charset=utf-8\r\n"));
  BOOST_REQUIRE(seen);
  BOOST_TEST(seen->path == "/stats");
  BOOST_REQUIRE(seen->query.size() == 3U);
  BOOST_TEST(*seen->parameter("by") == "server");
  BOOST_TEST(*seen->parameter("name") == "a b&c");
  BOOST_TEST(seen->parameter("flag")->empty());
  BOOST_TEST(seen->parameter("b") == nullptr);
  BOOST_REQUIRE(seen->peer.process);
  BOOST_TEST(seen->peer.process->uid == getuid());
  BOOST_TEST(seen->peer.process->gid == getgid());
  BOOST_TEST(seen->peer.process->pid == getpid());
  BOOST_TEST(to_string(seen->peer) ==
             "uid " + std::to_string(getuid()) + ", pid " + std::to_string(getpid()));
  (void)ask(loop, folder.socket(), "POST /arrivals HTTP/1.1\r\nHost: m\r\nContent-Length: 5\r\n\r\n{1,2}");
  BOOST_TEST(seen->body == "{1,2}");
  seen.reset();
  const std::string bad = ask(loop, folder.socket(), "GET /stats?by=%zz HTTP/1.1\r\nHost: m\r\n\r\n");
  BOOST_TEST(holds(bad, " 400 "));
  BOOST_TEST(holds(bad, R"({"error": "query: )"));
  BOOST_TEST(!seen);
}

BOOST_AUTO_TEST_CASE(a_slow_route_answers_when_it_is_done_and_the_others_meanwhile) {
  const Folder folder;
  net::Loop loop;
  net::AdminServer server(loop, folder.socket());
  net::AdminServer::Answer answer;
  server.post_slow("/reload", [&](net::AdminServer::Answer a) { answer = std::move(a); });
  server.get("/status", [] { return net::AdminReply{200, "{}"}; });
  const std::string post = "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  const net::Fd waiting = dial(folder.socket());
  BOOST_REQUIRE(write(waiting.get(), post.data(), post.size()) == static_cast<ssize_t>(post.size()));
  BOOST_TEST(holds(ask(loop, folder.socket(), "GET /status HTTP/1.1\r\nHost: x\r\n\r\n"), "200 OK"));
  BOOST_REQUIRE(answer);
  std::array<char, 1000> got{};
  BOOST_TEST(recv(waiting.get(), got.data(), got.size(), MSG_DONTWAIT) == -1);
  answer({409, R"({"error": "no"})"});
  answer({200, "{}"});  // too late
  const net::Watch end = loop.after(30ms, [&] { loop.stop(); });
  loop.run();
  const ssize_t n = recv(waiting.get(), got.data(), got.size(), MSG_DONTWAIT);
  BOOST_REQUIRE(n > 0);
  const std::string text(got.data(), static_cast<std::size_t>(n));
  BOOST_TEST(text.starts_with("HTTP/1.1 409 "));
  BOOST_TEST(holds(text, R"({"error": "no"})"));
  BOOST_TEST(!holds(text, "200 OK"));
}

BOOST_AUTO_TEST_CASE(a_slow_answer_to_a_client_or_of_a_server_that_is_gone_does_no_harm) {
  (void)std::signal(SIGPIPE, SIG_IGN);  // as in every daemon
  const Folder folder;
  net::Loop loop;
  std::optional<net::AdminServer> server(std::in_place, loop, folder.socket());
  std::vector<net::AdminServer::Answer> answers;
  server->post_slow("/reload", [&](net::AdminServer::Answer a) { answers.push_back(std::move(a)); });
  server->post_slow("/broken", [](const net::AdminServer::Answer&) { throw std::runtime_error("oh"); });
  const std::string post = "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  (void)ask(loop, folder.socket(), post);  // hangs up after 30 ms
  BOOST_TEST(
      holds(ask(loop, folder.socket(), "POST /broken HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
            R"({"error": "oh"})"));
  BOOST_REQUIRE(answers.size() == 1U);
  answers[0]({200, "{}"});
  const net::Fd waiting = dial(folder.socket());
  BOOST_REQUIRE(write(waiting.get(), post.data(), post.size()) == static_cast<ssize_t>(post.size()));
  const net::Watch end = loop.after(30ms, [&] { loop.stop(); });
  loop.run();
  BOOST_REQUIRE(answers.size() == 2U);
  server.reset();
  answers[1]({200, "{}"});
}

BOOST_AUTO_TEST_CASE(nonsense_does_no_harm) {
  const Folder folder;
  net::Loop loop;
  net::AdminServer server(loop, folder.socket());
  server.get("/status", [] { return net::AdminReply{200, "{}"}; });
  for (const std::string& request :
       {std::string("\r\n\r\n"), std::string("\0\1\2\3\r\n\r\n", 8), std::string("GET "),
        "GET /" + std::string(40'000, 'a') + " HTTP/1.1\r\n\r\n",
        std::string("GET http://[::/status HTTP/1.1\r\n\r\n"),
        std::string("POST /status HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")})
    (void)ask(loop, folder.socket(), request);
  BOOST_TEST(holds(ask(loop, folder.socket(), "GET /status HTTP/1.1\r\nHost: m\r\n\r\n"), "200 OK"));
}

BOOST_AUTO_TEST_CASE(only_owner_and_group_may_connect_and_the_file_goes_with_the_server) {
  const Folder folder;
  net::Loop loop;
  struct stat info {};
  {
    const net::AdminServer server(loop, folder.socket());
    BOOST_REQUIRE(stat(folder.socket().c_str(), &info) == 0);
    BOOST_TEST((info.st_mode & 0777) == 0660U);
  }
  BOOST_TEST(stat(folder.socket().c_str(), &info) != 0);
}

BOOST_AUTO_TEST_CASE(a_living_socket_whose_queue_is_full_is_not_taken_for_stale) {
  const Folder folder;
  net::Loop loop;
  const net::AdminServer busy(loop, folder.socket());  // accepts nobody, as its loop does not run
  std::vector<net::Fd> waiting;
  waiting.reserve(17);
  for (int i = 0; i < 17; ++i)
    waiting.push_back(dial(folder.socket()));  // listen(2) takes one more than asked
  BOOST_CHECK_EXCEPTION(net::AdminServer(loop, folder.socket()), std::system_error,
                        [](const std::system_error& e) { return holds(e.what(), "another daemon"); });
}

BOOST_AUTO_TEST_CASE(a_stale_socket_is_replaced_a_living_one_and_a_file_are_not) {
  const Folder folder;
  net::Loop loop;
  {  // what a killed daemon leaves
    const net::Fd dead(net::check(socket(AF_UNIX, SOCK_STREAM, 0), "socket"));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, folder.socket().c_str(), sizeof address.sun_path - 1);
    net::check(bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  }
  const net::AdminServer first(loop, folder.socket());
  BOOST_CHECK_EXCEPTION(net::AdminServer(loop, folder.socket()), std::system_error,
                        [](const std::system_error& e) { return holds(e.what(), "another daemon"); });
  const std::string file = folder.path + "/file";
  std::ofstream(file) << "precious";
  BOOST_CHECK_EXCEPTION(net::AdminServer(loop, file), std::system_error,
                        [](const std::system_error& e) { return holds(e.what(), "a file is in the way"); });
  BOOST_TEST(std::filesystem::file_size(file) == 8U);
  BOOST_CHECK_EXCEPTION(net::AdminServer(loop, folder.path + "/none/x"), std::system_error,
                        [](const std::system_error& e) { return holds(e.what(), "make its folder"); });
  BOOST_CHECK_THROW(net::AdminServer(loop, std::string(200, 'x')), std::system_error);
}

BOOST_AUTO_TEST_SUITE_END()
