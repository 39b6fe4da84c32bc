// The lines that make a source address leave by its border.
#include "director/border_routes.hh"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using flagfall::IpAddress;
using flagfall::director::border_commands;
using flagfall::director::BorderCommands;
using flagfall::director::BorderServer;
using flagfall::director::SiteConfig;

namespace {

IpAddress ip(const char* text) {
  return *flagfall::parse_ip(text);
}

struct Fixture {
  std::vector<SiteConfig> sites;
  std::vector<BorderServer> servers;
  Fixture() {
    SiteConfig fra;
    fra.name = "fra";
    fra.borders.push_back({"fra-transit", {ip("192.0.2.1"), ip("fe80::1")}, "eth1", std::nullopt, 0});
    SiteConfig iad;
    iad.name = "iad";
    iad.borders.push_back({"iad-transit", {ip("198.51.100.1")}, "", ip("198.51.100.9"), 77});
    sites = {fra, iad};
    servers = {{"a",
                "fra",
                {{"fra-transit", {ip("192.0.2.10"), ip("2001:db8::10")}, std::nullopt},
                 {"iad-transit", {ip("192.0.2.11")}, ip("192.0.2.2")}}}};
  }
};

constexpr const char* kServer = R"(# on a, at site fra
sysctl -w net.ipv4.conf.all.rp_filter=2
# by border fra-transit
ip address replace 192.0.2.10/32 dev lo
ip rule add from 192.0.2.10 lookup 1000 priority 1000
ip route replace default via 192.0.2.1 dev eth1 table 1000
ip -6 address replace 2001:db8::10/128 dev lo
ip -6 rule add from 2001:db8::10 lookup 1000 priority 1000
ip -6 route replace default via fe80::1 dev eth1 table 1000
# by border iad-transit, through a tunnel to site iad
ip link add ffb77 type gre local 192.0.2.2 remote 198.51.100.9
ip link set ffb77 up
ip address replace 192.0.2.11/32 dev lo
ip rule add from 192.0.2.11 lookup 77 priority 77
ip route replace default dev ffb77 table 77

)";
constexpr const char* kRouter = R"(# on the router of border iad-transit, at site iad
sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=2
# for a
ip link add ffs0 type gre local 198.51.100.9 remote 192.0.2.2
ip link set ffs0 up

)";

}  // namespace

BOOST_AUTO_TEST_SUITE(border_routes)

BOOST_AUTO_TEST_CASE(a_border_here_is_a_gateway_and_one_elsewhere_a_tunnel) {
  Fixture f;
  const BorderCommands out = border_commands(f.sites, f.servers);
  BOOST_TEST(out.text == std::string(kServer) + kRouter);
  BOOST_TEST(out.missing.empty());
}

BOOST_AUTO_TEST_CASE(one_server_may_be_asked_for_alone) {
  Fixture f;
  f.servers.push_back({"b", "iad", {{"iad-transit", {ip("198.51.100.10")}, std::nullopt}}});
  f.servers.push_back({"c", "iad", {}});
  const BorderCommands out = border_commands(f.sites, f.servers, "b");
  BOOST_TEST(out.text ==
             "# on b, at site iad\n"
             "sysctl -w net.ipv4.conf.all.rp_filter=2\n"
             "# by border iad-transit\n"
             "ip address replace 198.51.100.10/32 dev lo\n"
             "ip rule add from 198.51.100.10 lookup 77 priority 77\n"
             "ip route replace default via 198.51.100.1 table 77\n\n");
  BOOST_TEST(border_commands(f.sites, f.servers, "c").text == "");
  BOOST_TEST(border_commands(f.sites, f.servers, "a").text == std::string(kServer) + kRouter);
}

BOOST_AUTO_TEST_CASE(what_the_configuration_does_not_say_is_told) {
  const auto missing = [](const Fixture& f) {
    const BorderCommands out = border_commands(f.sites, f.servers);
    BOOST_REQUIRE(out.missing.size() == 1U);
    BOOST_TEST((out.text.find("# missing: " + out.missing[0] + "\n") != std::string::npos));
    return out.missing[0];
  };
  Fixture f;
  f.sites[1].borders[0].tunnel.reset();
  BOOST_TEST(missing(f) == "border 'iad-transit' has no `tunnel`, where a's would end");
  f = {};
  f.servers[0].borders[1].local.reset();
  BOOST_TEST(missing(f) == "'a' has no `local` for border 'iad-transit', where its tunnel would begin");
  f = {};
  f.servers[0].borders[1].local = ip("2001:db8::2");
  BOOST_TEST(missing(f) == "`local` of 'a' for border 'iad-transit' is not of the family of its `tunnel`");
  f = {};
  f.sites[0].borders[0].gateways.pop_back();
  f.sites[0].borders[0].device.clear();
  BOOST_TEST(missing(f) == "border 'fra-transit' has neither an IPv6 gateway nor a device for 'a'");
}

BOOST_AUTO_TEST_CASE(tunnels_over_ipv6_are_of_their_own_kind) {
  Fixture f;
  f.sites[1].borders[0].tunnel = ip("2001:db8:9::9");
  f.servers[0].borders[1].local = ip("2001:db8:2::2");
  const std::string text = border_commands(f.sites, f.servers).text;
  BOOST_TEST((text.find("ip link add ffb77 type ip6gre local 2001:db8:2::2 remote 2001:db8:9::9\n") !=
              std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()
