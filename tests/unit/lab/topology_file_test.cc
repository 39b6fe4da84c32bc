// Topologies in TOML, their errors with file and line, and changes of links in words.
#include "lab/topology_file.hh"

#include <boost/test/unit_test.hpp>

#include <filesystem>

#include "lab/network.hh"
#include "tests/source_path.hh"

using namespace std::chrono_literals;
using flagfall::Nanos;
using flagfall::lab::Link;
using flagfall::lab::load_topology;
using flagfall::lab::Network;
using flagfall::lab::parse_link_change;
using flagfall::lab::parse_topology;

namespace {

constexpr const char* kHosts = R"(lab = "t"
[[host]]
name = "a"
addresses = ["192.0.2.1", "2001:db8::1"]
[[host]]
name = "b"
addresses = ["192.0.2.2"]
[[host]]
name = "c"
addresses = ["192.0.2.3"]
)";

/// The error of hosts a, b, c followed by `rest`.
std::string error_of(const std::string& rest) {
  const auto topology = parse_topology(kHosts + rest, "t.toml");
  return topology.ok() ? "" : topology.error();
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(topology_file)

BOOST_AUTO_TEST_CASE(links_are_the_same_both_ways_unless_they_are_one_way) {
  const auto topology = parse_topology(std::string(kHosts) + R"(
[[link]]
from = "a"
to = "b"
delay = "5ms"
jitter = "200us"
loss = 0.02
rate = "10Mbit"
queue = "64KiB"
reorder = 0.5
reorder_by = "3ms"
[[link]]
from = "a"
to = "c"
delay = "7ms"
one_way = true
)",
                                       "t.toml");
  BOOST_REQUIRE_MESSAGE(topology.ok(), (topology.ok() ? "" : topology.error()));
  const Network net(*topology);
  const Link expected{.delay = 5ms,
                      .jitter = 200us,
                      .loss = 0.02,
                      .rate = 10'000'000,
                      .queue = 65536,
                      .reorder = 0.5,
                      .reorder_by = 3ms};
  BOOST_TEST((net.link(0, 1) == expected));
  BOOST_TEST((net.link(1, 0) == expected));
  BOOST_TEST((net.link(0, 2)->delay == Nanos(7ms)));
  BOOST_TEST(!net.link(2, 0).has_value());
  BOOST_TEST(!net.link(1, 2).has_value());
}

BOOST_AUTO_TEST_CASE(a_default_fills_gaps_and_a_star_means_every_other_host) {
  const auto topology = parse_topology(std::string(kHosts) + R"(
[default]
delay = "20ms"
loss = 0.1
[[link]]
from = "a"
to = "*"
delay = "5ms"
)",
                                       "t.toml");
  BOOST_REQUIRE_MESSAGE(topology.ok(), (topology.ok() ? "" : topology.error()));
  const Network net(*topology);
  BOOST_TEST((net.link(1, 2)->delay == Nanos(20ms)));
  BOOST_TEST((net.link(0, 2)->delay == Nanos(5ms)));
  BOOST_TEST((net.link(2, 0)->delay == Nanos(5ms)));
  BOOST_TEST(net.link(2, 0)->loss == 0.1);
}

BOOST_AUTO_TEST_CASE(errors_name_the_file_and_the_line) {
  BOOST_TEST(has(error_of("[[link]]\nfrom = \"a\"\nto = \"x\"\ndelay = \"5ms\"\n"), "t.toml:13: "));
  BOOST_TEST(has(error_of("[[link]]\nfrom = \"a\"\nto = \"x\"\n"), "no host is called 'x'"));
  BOOST_TEST(has(error_of("[[link]]\nfrom = \"a\"\nto = \"a\"\n"), "two different hosts"));
  BOOST_TEST(has(error_of("[[link]]\nfrom = \"a\"\nto = \"b\"\ndelay = \"5\"\n"), "t.toml:14: "));
  BOOST_TEST(has(error_of("[[link]]\nfrom = \"a\"\nto = \"b\"\nloss = 1.5\n"), "t.toml:14: "));
  BOOST_TEST(has(error_of("[[link]]\nfrom = \"a\"\nto = \"b\"\nrate = \"10\"\n"), "t.toml:14: "));
  BOOST_TEST(has(error_of("[[link]]\nfrom = \"a\"\nto = \"b\"\nlatency = \"5ms\"\n"), "t.toml:14: "));
  BOOST_TEST(
      has(error_of("[[host]]\nname = \"a\"\naddresses = [\"192.0.2.9\"]\n"), "two hosts are called 'a'"));
  BOOST_TEST(has(error_of("[[host]]\nname = \"../x\"\naddresses = [\"192.0.2.9\"]\n"), "t.toml:12: "));
  BOOST_TEST(has(error_of("[[host]]\nname = \"d\"\naddresses = []\n"), "t.toml:13: "));
  BOOST_TEST(has(error_of("[[host]]\nname = \"d\"\naddresses = [\"192.0.2.9\"]\nmanagement = \"10.0.0.1\"\n"),
                 "no [management] network"));
  BOOST_TEST(
      has(parse_topology("lab = \"a/b\"\n[[host]]\nname = \"a\"\naddresses = [\"192.0.2.1\"]\n", "t.toml")
              .error(),
          "t.toml:1: "));
}

BOOST_AUTO_TEST_CASE(management_addresses_are_within_their_network_and_unique) {
  const std::string management = "[management]\nnetwork = \"10.0.0.0/24\"\n";
  const auto host = [](const char* name, const char* address) {
    return std::string("[[host]]\nname = \"") + name + "\"\naddresses = [\"192.0.2.9\"]\nmanagement = \"" +
           address + "\"\n";
  };
  BOOST_TEST(error_of(management + host("d", "10.0.0.1") + host("e", "10.0.0.2")).empty());
  BOOST_TEST(has(error_of(management + host("d", "10.1.0.1")), "not within 10.0.0.0/24"));
  BOOST_TEST(has(error_of(management + host("d", "10.0.0.1") + host("e", "10.0.0.1")), "another host"));
}

BOOST_AUTO_TEST_CASE(words_change_the_keys_they_name_and_no_others) {
  const auto change = parse_link_change({"delay=20ms", "loss=0.02", "rate=1Gbit"});
  BOOST_REQUIRE_MESSAGE(change.ok(), (change.ok() ? "" : change.error()));
  const Link before{.delay = 5ms, .jitter = 1ms};
  const Link expected{.delay = 20ms, .jitter = 1ms, .loss = 0.02, .rate = 1'000'000'000};
  BOOST_TEST((change->applied_to(before) == expected));
}

BOOST_AUTO_TEST_CASE(words_that_make_no_sense_are_refused) {
  for (const char* word : {"delay", "=", "delay=", "delay=-1ms", "loss=2", "color=red", "delay=5ms\"\nloss=1",
                           "rate=1e40Gbit", "rate=nanMbit", "#delay=1", "[a]=1", "delay.x=1"})
    BOOST_TEST(!parse_link_change({word}).ok(), word);
}

BOOST_AUTO_TEST_CASE(every_topology_that_comes_with_the_project_is_right) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(flagfall::test::source_path("configs/lab"))) {
    const auto topology = load_topology(entry.path());
    BOOST_TEST(topology.ok(), (topology.ok() ? "" : topology.error()));
    ++files;
  }
  BOOST_TEST(files > 0);
}

BOOST_AUTO_TEST_SUITE_END()
