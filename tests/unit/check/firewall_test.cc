// What nftables would do with the packets that flagfall lives on.
#include "check/firewall.hh"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using check::Firewall;
using check::Packet;
using check::Verdict;

namespace {

using Kind = Verdict::Kind;

std::string chain(const std::string& hook, const std::string& policy = "accept", int priority = 0,
                  const std::string& name = {}, const std::string& family = "inet") {
  return R"({"chain":{"family":")" + family + R"(","table":"f","name":")" + (name.empty() ? hook : name) +
         R"(","handle":1,"type":"filter","hook":")" + hook + R"(","prio":)" + std::to_string(priority) +
         R"(,"policy":")" + policy + R"("}},)";
}
std::string side_chain(const std::string& name) {
  return R"({"chain":{"family":"inet","table":"f","name":")" + name + R"(","handle":1}},)";
}
int handle = 0;
std::string rule(const std::string& in, const std::string& expression, const std::string& family = "inet") {
  return R"({"rule":{"family":")" + family + R"(","table":"f","chain":")" + in + R"(","handle":)" +
         std::to_string(++handle) + R"(,"expr":[)" + expression + "]}},";
}
std::string match(const std::string& left, const std::string& right, const std::string& op = "==") {
  return R"({"match":{"op":")" + op + R"(","left":)" + left + R"(,"right":)" + right + "}},";
}
std::string payload(const std::string& protocol, const std::string& field) {
  return R"({"payload":{"protocol":")" + protocol + R"(","field":")" + field + R"("}})";
}
const std::string kState = R"({"ct":{"key":"state"}})";
const std::string kDrop = R"({"drop":null})";
const std::string kAccept = R"({"accept":null})";

Firewall rules(const std::string& entries) {
  auto parsed = Firewall::parse(R"({"nftables":[{"metainfo":{"version":"1.0.6"}},)" + entries + "{}]}");
  BOOST_REQUIRE_MESSAGE(parsed.ok(), (parsed ? std::string() : parsed.error()));
  return *parsed;
}
Endpoint at(const std::string& text) {
  return *parse_endpoint(text);
}
const Packet kQuery{Packet::Way::in, Packet::Protocol::udp, at("203.0.113.9:40000"), at("192.0.2.1:53"),
                    "new"};
const Packet kIcmp{Packet::Way::in, Packet::Protocol::icmp_unreachable, at("203.0.113.9:1"),
                   at("192.0.2.1:1"), "related"};
const Packet kIcmp6{Packet::Way::in, Packet::Protocol::icmp_unreachable, at("[2001:db8::9]:1"),
                    at("[2001:db8::1]:1"), "related"};
const Packet kAnswer{Packet::Way::out, Packet::Protocol::udp, at("192.0.2.1:53"), at("203.0.113.9:40000"),
                     "new"};

Kind judge(const std::string& entries, const Packet& packet) {
  return rules(entries).judge(packet).kind;
}

}  // namespace

BOOST_TEST_DONT_PRINT_LOG_VALUE(Kind)

BOOST_AUTO_TEST_SUITE(firewall)

BOOST_AUTO_TEST_CASE(without_rules_everything_passes) {
  BOOST_TEST(rules("").empty());
  BOOST_TEST(judge("", kQuery) == Kind::passes);
  BOOST_TEST(judge(chain("input"), kQuery) == Kind::passes);
  BOOST_TEST(!rules(chain("input")).empty());
}

BOOST_AUTO_TEST_CASE(a_policy_drops_what_no_rule_accepts_and_says_so) {
  const std::string closed = chain("input", "drop");
  const Verdict v = rules(closed).judge(kQuery);
  BOOST_TEST(v.kind == Kind::dropped);
  BOOST_TEST(v.rule == "inet f input, its policy");
  BOOST_TEST(judge(closed + rule("input", match(payload("udp", "dport"), "53") + kAccept), kQuery) ==
             Kind::passes);
  BOOST_TEST(judge(closed, kAnswer) == Kind::passes);  // the other way
}

BOOST_AUTO_TEST_CASE(icmp_errors_are_found_dropped_by_type_protocol_or_state) {
  const std::string open = chain("input");
  for (const std::string& one :
       {match(payload("icmp", "type"), R"("destination-unreachable")"),
        match(payload("icmp", "type"), R"({"set":["echo-request","destination-unreachable"]})"),
        match(R"({"meta":{"key":"l4proto"}})", R"("icmp")"), match(payload("ip", "protocol"), R"("icmp")"),
        match(kState, R"(["related","invalid"])", "in"), match(kState, R"("related")", "in")}) {
    std::string rules = open;
    rules += rule("input", one + kDrop);
    BOOST_TEST(judge(rules, kIcmp) == Kind::dropped, one);
    BOOST_TEST(judge(rules, kQuery) == Kind::passes, one);
  }
  BOOST_TEST(judge(open + rule("input", match(payload("icmp", "type"), R"("echo-request")") + kDrop),
                   kIcmp) == Kind::passes);
  const std::string six = match(payload("icmpv6", "type"), R"("destination-unreachable")");
  BOOST_TEST(judge(open + rule("input", six + kDrop), kIcmp6) == Kind::dropped);
  BOOST_TEST(judge(open + rule("input", six + kDrop), kIcmp) == Kind::passes);
  BOOST_TEST(judge(open + rule("input", match(R"({"meta":{"key":"l4proto"}})", R"("ipv6-icmp")") + kDrop),
                   kIcmp6) == Kind::dropped);
}

BOOST_AUTO_TEST_CASE(a_drop_of_foreign_sources_is_found) {
  const std::string out = chain("output");
  BOOST_TEST(judge(out + rule("output", match(payload("ip", "saddr"), R"("198.51.100.7")", "!=") + kDrop),
                   kAnswer) == Kind::dropped);
  BOOST_TEST(judge(out + rule("output",
                              match(payload("ip", "saddr"), R"({"prefix":{"addr":"192.0.2.0","len":24}})") +
                                  R"({"reject":null})"),
                   kAnswer) == Kind::dropped);
  BOOST_TEST(
      judge(out + rule("output",
                       match(payload("ip", "saddr"), R"({"range":["192.0.2.2","192.0.2.9"]})") + kDrop),
            kAnswer) == Kind::passes);
  BOOST_TEST(judge(chain("egress", "accept", 0, "e", "netdev") +
                       rule("e", match(payload("ip", "saddr"), R"("192.0.2.1")") + kDrop, "netdev"),
                   kAnswer) == Kind::dropped);
}

BOOST_AUTO_TEST_CASE(the_first_rule_that_decides_counts_and_chains_go_by_priority) {
  const std::string drop = rule("input", match(payload("th", "dport"), R"({"range":[1,1023]})") + kDrop);
  const std::string accept = rule("input", match(payload("udp", "dport"), R"({"set":[53,4954]})") + kAccept);
  BOOST_TEST(judge(chain("input") + accept + drop, kQuery) == Kind::passes);
  BOOST_TEST(judge(chain("input") + drop + accept, kQuery) == Kind::dropped);
  // An accept ends its chain only: the next one of the hook still has its say.
  const std::string two = chain("input", "accept", -10, "early") + chain("input", "drop", 10, "later");
  BOOST_TEST(judge(two + rule("early", kAccept), kQuery) == Kind::dropped);
}

BOOST_AUTO_TEST_CASE(jumps_returns_and_verdict_maps_are_followed) {
  const std::string chains = chain("input", "drop") + side_chain("dns");
  const std::string jump = rule("input", R"({"jump":{"target":"dns"}})");
  BOOST_TEST(judge(chains + jump + rule("dns", match(payload("udp", "dport"), "53") + kAccept), kQuery) ==
             Kind::passes);
  BOOST_TEST(judge(chains + jump + rule("dns", R"({"return":null})") + rule("dns", kAccept), kQuery) ==
             Kind::dropped);
  const std::string map =
      rule("input", R"({"vmap":{"key":)" + kState + R"(,"data":{"set":[["invalid",{"drop":null}],)" +
                        R"(["related",{"accept":null}]]}}})");
  BOOST_TEST(judge(chains + map, kIcmp) == Kind::passes);
  BOOST_TEST(judge(chains + map, kQuery) == Kind::dropped);
  // A chain that jumps to itself, which the kernel would refuse, ends too.
  BOOST_TEST(judge(chains + rule("dns", R"({"jump":{"target":"dns"}})") +
                       rule("dns", R"({"jump":{"target":"dns"}})") + jump,
                   kQuery) == Kind::unsure);
}

BOOST_AUTO_TEST_CASE(named_sets_are_looked_into) {
  const std::string set =
      R"({"set":{"family":"inet","table":"f","name":"good","type":"ipv4_addr","handle":3,"elem":["203.0.113.9",)"
      R"({"prefix":{"addr":"10.0.0.0","len":8}},{"elem":{"val":"10.1.1.1","timeout":60}}]}},)";
  const std::string by_set = rule("input", match(payload("ip", "saddr"), R"("@good")") + kAccept);
  BOOST_TEST(judge(chain("input", "drop") + set + by_set, kQuery) == Kind::passes);
  Packet other = kQuery;
  other.from = at("11.0.0.1:9");
  BOOST_TEST(judge(chain("input", "drop") + set + by_set, other) == Kind::dropped);
  BOOST_TEST(judge(chain("input", "drop") + by_set, kQuery) == Kind::unsure);  // no such set here
}

BOOST_AUTO_TEST_CASE(what_the_rules_alone_do_not_tell_is_unsure) {
  const std::string limit = R"({"limit":{"rate":5,"per":"second"}},)";
  BOOST_TEST(judge(chain("input", "drop") + rule("input", limit + kAccept), kQuery) == Kind::unsure);
  BOOST_TEST(judge(chain("input") + rule("input", limit + kDrop), kQuery) == Kind::unsure);
  BOOST_TEST(judge(chain("input") + rule("input", limit + kAccept), kQuery) == Kind::passes);
  BOOST_TEST(
      judge(chain("input") + rule("input", match(R"({"meta":{"key":"iifname"}})", R"("eth0")") + kDrop),
            kQuery) == Kind::unsure);
  BOOST_TEST(judge(chain("input") + rule("input", R"({"xt":{"type":"match","name":"bpf"}},)" + kDrop),
                   kQuery) == Kind::unsure);
}

BOOST_AUTO_TEST_CASE(what_is_sent_elsewhere_or_given_another_source_is_rewritten) {
  const std::string pre = chain("prerouting", "accept", -100, "pre");
  BOOST_TEST(judge(pre + rule("pre", match(payload("udp", "dport"), "53") + R"({"redirect":{"port":5353}})"),
                   kQuery) == Kind::rewritten);
  const std::string post = chain("postrouting", "accept", 100, "post");
  BOOST_TEST(judge(post + rule("post", R"({"masquerade":null})"), kAnswer) == Kind::rewritten);
}

BOOST_AUTO_TEST_CASE(what_is_not_tracked_is_untracked_from_there_on) {
  const std::string raw = chain("prerouting", "accept", -300, "raw") +
                          rule("raw", match(payload("udp", "dport"), "53") + R"({"notrack":null})");
  const std::string input =
      chain("input") + rule("input", match(kState, R"(["invalid","untracked"])", "in") + kDrop);
  BOOST_TEST(judge(raw + input, kQuery) == Kind::dropped);
  BOOST_TEST(judge(input, kQuery) == Kind::passes);
}

BOOST_AUTO_TEST_CASE(other_families_and_other_protocols_do_not_match) {
  BOOST_TEST(judge(chain("input", "drop", 0, "six", "ip6"), kQuery) == Kind::passes);
  BOOST_TEST(judge(chain("input") + rule("input", match(payload("tcp", "dport"), "53") + kDrop), kQuery) ==
             Kind::passes);
  BOOST_TEST(judge(chain("input") + rule("input", match(payload("ip6", "saddr"), R"("::1")", "!=") + kDrop),
                   kQuery) == Kind::passes);
}

BOOST_AUTO_TEST_CASE(any_text_is_an_error_or_a_firewall) {
  for (const char* text : {"", "{}", "[]", "null", "{\"nftables\":3}", "\xff\xfe"})
    BOOST_TEST(!Firewall::parse(text).ok());
  for (
      const char* text :
      {R"({"nftables":[3,null,"x",[],{"chain":3},{"rule":{}},{"set":{"elem":3}}]})",
       R"({"nftables":[{"chain":{"family":"inet","table":"f","name":"c","hook":"input","prio":"x"}},)"
       R"({"rule":{"family":"inet","table":"f","chain":"c","expr":[3,{"match":{}},{"vmap":{}},{"vmap":3},)"
       R"({"match":{"left":{"payload":{}},"right":{"set":[{}]}}},{"jump":{"target":"nowhere"}},{"jump":3}]}}]})"}) {
    const auto parsed = Firewall::parse(text);
    BOOST_REQUIRE(parsed.ok());
    (void)parsed->judge(kQuery);
    (void)parsed->judge(kIcmp6);
  }
}

BOOST_AUTO_TEST_SUITE_END()
