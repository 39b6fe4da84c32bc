// The slave's own kinds of keys, and the rules that span keys of [transmit].
#include "slave/config.hh"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace flagfall;         // NOLINT(*-using-namespace)
using namespace flagfall::slave;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

/// A whole configuration, with these lines in [transmit].
std::string with(const std::string& lines) {
  return "[[master]]\naddress = \"192.0.2.1\"\nname = \"m\"\n"
         "[control]\nca = \"ca\"\ncertificate = \"c\"\nkey = \"k\"\n"
         "[transmit]\nsources = [\"192.0.2.1\"]\n" +
         lines;
}

TransmitConfig transmit(const std::string& lines) {
  const auto config = schema().parse(with(lines), "s.toml");
  BOOST_REQUIRE_MESSAGE(config.ok(), (config ? std::string() : config.error()));
  return config->transmit;
}

/// The one error, without file and line.
std::string error(const std::string& lines) {
  const auto config = schema().parse(with(lines), "s.toml");
  BOOST_REQUIRE(!config.ok());
  return config.error().substr(config.error().find(": ") + 2);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(nothing_of_the_host_is_touched_unless_it_is_asked_for) {
  const TransmitConfig t = transmit("");
  BOOST_TEST((t.scheduler == TransmitConfig::Scheduler::other));
  BOOST_TEST(!t.cpu.pinned);
  BOOST_TEST(!t.lock_memory);
  BOOST_TEST(!t.cpu_dma_latency);
  BOOST_TEST(!t.guard.fixed);
}

BOOST_AUTO_TEST_CASE(the_transmit_thread_may_be_real_time_pinned_and_its_host_kept_awake) {
  const TransmitConfig t = transmit(
      "scheduler = \"fifo\"\npriority = 80\ncpu = 0\nlock_memory = true\ncpu_dma_latency = true\n"
      "guard = \"300us\"\n");
  BOOST_TEST((t.scheduler == TransmitConfig::Scheduler::fifo));
  BOOST_TEST(t.priority == 80U);
  BOOST_TEST((t.cpu.pinned == 0U));
  BOOST_TEST(t.lock_memory);
  BOOST_TEST(t.cpu_dma_latency);
  BOOST_TEST((t.guard.fixed == 300us));
  BOOST_TEST(!transmit("cpu = \"any\"\nguard = \"auto\"\n").cpu.pinned);
}

BOOST_AUTO_TEST_CASE(what_a_key_cannot_be_is_an_error_that_says_what_it_can) {
  BOOST_TEST(error("cpu = 1024\n").starts_with("transmit.cpu: "));
  BOOST_TEST(error("cpu = -1\n").starts_with("transmit.cpu: "));
  BOOST_TEST(error("cpu = \"one\"\n") ==
             "transmit.cpu: expected a number, or \"any\", such as 1, found the string \"one\"");
  BOOST_TEST(error("priority = 0\n").starts_with("transmit.priority: "));
  BOOST_TEST(error("priority = 100\n").starts_with("transmit.priority: "));
  BOOST_TEST(error("scheduler = \"rr\"\n").starts_with("transmit.scheduler: "));
  BOOST_TEST(error("guard = \"101ms\"\n") == "transmit.guard: must be \"auto\" or at most 100ms");
}

BOOST_AUTO_TEST_CASE(what_is_printed_reads_back_as_the_same) {
  const auto config = schema().parse(with("cpu = 3\nguard = \"250us\"\nscheduler = \"fifo\"\n"), "s.toml");
  BOOST_REQUIRE(config.ok());
  const auto again = schema().parse(schema().print(*config), "printed");
  BOOST_REQUIRE_MESSAGE(again.ok(), (again ? std::string() : again.error()));
  BOOST_TEST((again->transmit.cpu.pinned == 3U));
  BOOST_TEST((again->transmit.guard.fixed == 250us));
  BOOST_TEST((again->transmit.scheduler == TransmitConfig::Scheduler::fifo));
}

BOOST_AUTO_TEST_CASE(a_backend_is_one_server_of_this_site_for_one_service) {
  const auto config = schema().parse(
      with("[[backend]]\nservice = \"web\"\nhttp = \"127.0.0.1:8080\"\ntimeout = \"20ms\"\n"), "s.toml");
  BOOST_REQUIRE(config.ok());
  BOOST_REQUIRE(config->backends.size() == 1U);
  BOOST_TEST((config->backends[0].http == *parse_endpoint("127.0.0.1:8080")));
  BOOST_TEST((config->backends[0].timeout == 20ms));
  BOOST_TEST(error("[[backend]]\nservice = \"web\"\n") ==
             "backend.service: has one server: write http or udp");
  BOOST_TEST(
      error("[[backend]]\nservice = \"web\"\nhttp = \"0.0.0.0:80\"\n").starts_with("backend.http: is what"));
  BOOST_TEST(error("[[backend]]\nservice = \"web\"\nhttp = \"192.0.2.1:53\"\n")
                 .starts_with("backend.0.http: is a service address"));
  const std::string one = "[[backend]]\nservice = \"web\"\nhttp = \"127.0.0.1:80\"\n";
  BOOST_TEST(error(one + one) == "backend.1.service: service 'web' has a backend already");
}

BOOST_AUTO_TEST_CASE(who_only_collects_needs_no_addresses_to_answer_from) {
  const std::string text =
      "[[master]]\naddress = \"192.0.2.1\"\nname = \"m\"\n"
      "[control]\nca = \"ca\"\ncertificate = \"c\"\nkey = \"k\"\n";
  BOOST_TEST(!schema().parse(text, "s.toml").ok());
  BOOST_TEST(schema(true).parse(text, "s.toml").ok());
  BOOST_TEST(schema(true).parse(with(""), "s.toml").ok());
}

BOOST_AUTO_TEST_CASE(a_check_has_what_its_kind_needs) {
  const auto check = [](const std::string& lines) { return "[[check]]\nname = \"web\"\n" + lines; };
  const auto good = [](const std::string& lines) {
    const auto config = schema().parse(with(lines), "s.toml");
    return config.ok() ? std::string() : config.error();
  };
  BOOST_TEST(good(check("address = \"10.0.0.1:80\"\n")) == "");
  BOOST_TEST(good(check("kind = \"dns\"\naddress = \"10.0.0.1:53\"\nquery = \"www.example.test.\"\n")) == "");
  BOOST_TEST(good(check("kind = \"script\"\ncommand = [\"/bin/true\"]\n")) == "");
  BOOST_TEST(error(check("")).starts_with("check.address: is what this check asks"));
  BOOST_TEST(error(check("kind = \"dns\"\naddress = \"10.0.0.1:53\"\n")).starts_with("check.query: "));
  BOOST_TEST(error(check("kind = \"script\"\ncommand = [\"true\"]\n")).starts_with("check.command: "));
  BOOST_TEST(error(check("address = \"224.0.0.1:80\"\n")).starts_with("check.address: "));
  BOOST_TEST(error(check("address = \"10.0.0.1:80\"\ntimeout = \"10s\"\n")).starts_with("check.timeout: "));
  BOOST_TEST(error(check("address = \"10.0.0.1:80\"\npath = \"x\"\n")).starts_with("check.path: "));
  BOOST_TEST(error(check("address = \"10.0.0.1:80\"\n") + check("address = \"10.0.0.1:81\"\n")) ==
             "check.1.name: is there twice");
  BOOST_TEST(error("[collect]\ncgroups = [\"/a/web\", \"/b/web/\"]\n").starts_with("collect.cgroups.1: "));
}

BOOST_AUTO_TEST_CASE(a_front_end_listens_where_clients_ask_and_the_content_server_elsewhere) {
  const auto server = [](const std::string& listen, const std::string& backend) {
    return "[[front.server]]\nlisten = \"" + listen + "\"\nbackend = \"" + backend + "\"\n";
  };
  const auto config =
      schema().parse(with("[front]\nwait = \"80ms\"\n" + server("192.0.2.10", "127.0.0.1:8080") +
                          server("[2001:db8::10]:80", "[::1]:8080") + "proxy_protocol = true\n"),
                     "s.toml");
  BOOST_REQUIRE_MESSAGE(config.ok(), (config ? std::string() : config.error()));
  BOOST_TEST((config->front.wait == 80ms));
  BOOST_REQUIRE(config->front.servers.size() == 2U);
  BOOST_TEST((config->front.servers[0].listen == *parse_endpoint("192.0.2.10:80")));
  BOOST_TEST(!config->front.servers[0].proxy_protocol);
  BOOST_TEST(config->front.servers[1].proxy_protocol);
  BOOST_TEST(schema().parse(with(""), "s.toml")->front.servers.empty());
  BOOST_TEST(
      error(server("0.0.0.0:80", "127.0.0.1:8080")).starts_with("front.server.0.listen: is a wildcard"));
  BOOST_TEST(
      error(server("192.0.2.10:80", "[::]:8080")).starts_with("front.server.0.backend: is a wildcard"));
  BOOST_TEST(
      error(server("192.0.2.10:80", "192.0.2.10:80")).starts_with("front.server.0.backend: is an address"));
  BOOST_TEST(error(server("192.0.2.10:80", "192.0.2.11:80") + server("192.0.2.11:80", "127.0.0.1:8080"))
                 .starts_with("front.server.0.backend: is an address"));
  BOOST_TEST(error(server("192.0.2.10:80", "127.0.0.1:80") + server("192.0.2.10", "127.0.0.1:81"))
                 .starts_with("front.server.1.listen: is there twice"));
  BOOST_TEST(error("[front]\nheader = \"1KiB\"\ntarget = \"2KiB\"\n") ==
             "front.target: is more than front.header");
}

BOOST_AUTO_TEST_SUITE_END()
