#include "common/wire/session.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "common/base/random.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using wire::Message;
using wire::MessageReader;
using State = wire::MessageReader::State;

namespace {

wire::Evidence evidence() {
  using Fate = wire::PingResult::Fate;
  wire::Evidence out;
  out.pings = {{*parse_ip("192.0.2.7"), Fate::answered, Nanos(12'000'000), Nanos(5)},
               {*parse_ip("2001:db8::7"), Fate::silent, Nanos(0), Nanos(0)},
               {*parse_ip("192.0.2.8"), Fate::refused, Nanos(0), Nanos(0)}};
  out.paths = {{*parse_prefix("198.51.100.0/24"), Nanos(20'000'000), Nanos(15'000'000), 1'250'000, 10'000, 3},
               {*parse_prefix("2001:db8:0:100::/56"), Nanos(2), Nanos(1), 0, 0, 1}};
  out.loads = {{"machine", 12, std::uint64_t{1} << 30, std::uint64_t{1} << 20, 500'000},
               {"web", {}, {}, {}, {}}};
  out.checks = {{"web", *parse_ip("192.0.2.10"), wire::Health::up, Nanos(77), ""},
                {"dns", {}, wire::Health::down, Nanos(5), "connection refused"}};
  return out;
}

/// One of each, every field other than its default.
std::vector<Message> samples() {
  using std::chrono::milliseconds;
  wire::Hello hello{wire::kSessionVersion, 0x1122334455667788, 4954, "flagfall-slave 0.1.0", true};
  wire::Welcome welcome{wire::kSessionVersion,
                        0xdeadbeef,
                        milliseconds(250),
                        "fra",
                        {{*parse_endpoint("192.0.2.1:123"), 7, std::string(16, static_cast<char>(0xfe))},
                         {*parse_endpoint("[2001:db8::1]:1123"), 0, ""}}};
  wire::Refusal refusal{"the name 'fra' has a session from 192.0.2.7:4000", milliseconds(1500)};
  wire::Services services;
  services.since = from_ns<RefTime>(1'800'000'000'000'000'000);
  services.services.push_back({"web",
                               {*parse_endpoint("192.0.2.1:53"), *parse_endpoint("[2001:db8::1]:53")},
                               {*parse_ip("192.0.2.10"), *parse_ip("2001:db8:a::10")},
                               30,
                               wire::LatePolicy::drop,
                               std::string("fra\0\xff", 5)});
  services.services.back().sites = {{"www.example.test", "/videos", 0, ""},
                                    {"fra.example.test", "/m/videos", 2, "www.example.test"}};
  services.services.push_back({});
  wire::Service& stun = services.services.emplace_back();
  stun.name = "stun";
  stun.kind = wire::ServiceKind::datagrams;
  stun.most_answer = 1232;
  stun.amplification = 300;
  wire::Ready ready{
      {3, 0, 0xffffffff}, true, true, {wire::Lack::nothing, wire::Lack::backend, wire::Lack::down}};
  wire::Heartbeat heartbeat{from_ns<RefTime>(7), from_ns<RefTime>(6), Nanos(5),
                            wire::ClockStatus::free_running, Nanos(123456)};
  wire::Report report;
  report.racing = true;
  report.why_not = "clock bound 7 ms is above 5 ms";
  report.clock = wire::ClockStatus::synchronised;
  report.correction = Nanos(-42);
  report.own_bound = Nanos(1000);
  report.bound = Nanos(1500);
  report.expected = Nanos(70);
  report.drift = Nanos(-12345);
  report.age = milliseconds(312);
  report.provider = "chrony";
  report.own_bounds = {5, Nanos(1), Nanos(2), Nanos(3), Nanos(4)};
  report.expected_errors = {6, Nanos(2), Nanos(3), Nanos(4), Nanos(5)};
  report.transmit_errors = {7, Nanos(3), Nanos(4), Nanos(5), Nanos(6)};
  report.counters = {{"orders", 12}, {"late", 0}};
  report.outcomes = {{9, wire::RaceOutcome::Fate::sent_late, Nanos(-1), Nanos(77)},
                     {10, wire::RaceOutcome::Fate::failed, Nanos(2), Nanos(0)},
                     {11, wire::RaceOutcome::Fate::withheld, Nanos(3), Nanos(4)}};
  wire::PingOrder order{milliseconds(800), {*parse_ip("192.0.2.7"), *parse_ip("2001:db8::7")}};
  wire::HomeQuestion question{77, "web", *parse_ip("2001:db8::7")};
  wire::HomeAnswer answer{77, wire::HomeAnswer::Home::elsewhere, 48, milliseconds(60000),
                          "{scheme}://nyc.example.test{path}"};
  return {hello, welcome, refusal, services, ready, heartbeat, report, order, evidence(), question, answer};
}

std::vector<std::uint8_t> stream_of(const std::vector<Message>& messages) {
  std::vector<std::uint8_t> stream;
  for (const Message& m : messages) {
    const auto frame = wire::encode(m);
    BOOST_TEST(!frame.empty());
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  return stream;
}

/// Frames of the messages that come out; equal frames mean equal messages. Feeds `step` octets at a time.
std::vector<std::vector<std::uint8_t>> through(MessageReader& reader, Bytes stream, std::size_t step) {
  std::vector<std::vector<std::uint8_t>> out;
  Message message;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    Bytes part = stream.subspan(at, std::min(step, stream.size() - at));
    while (!part.empty()) {
      const std::size_t taken = reader.feed(part);
      part = part.subspan(taken);
      const State state = reader.next(message);
      if (state == State::malformed) return out;
      if (state == State::complete) out.push_back(wire::encode(message));
      BOOST_REQUIRE((taken > 0 || state == State::complete));
    }
  }
  return out;
}

State verdict(const std::vector<std::uint8_t>& frame) {
  MessageReader reader;
  Message message;
  (void)reader.feed(frame);
  return reader.next(message);
}

std::vector<std::uint8_t> frame_of(std::uint16_t type, const std::vector<std::uint8_t>& body) {
  std::vector<std::uint8_t> frame(wire::kMessageHeader);
  ByteWriter header(frame);
  header.u16(type);
  header.u16(0);
  header.u32(static_cast<std::uint32_t>(body.size()));
  frame.insert(frame.end(), body.begin(), body.end());
  return frame;
}

}  // namespace

namespace flagfall::wire {
std::ostream& operator<<(std::ostream& out, MessageReader::State s) {
  return out << static_cast<int>(s);
}
}  // namespace flagfall::wire

BOOST_AUTO_TEST_SUITE(session)

BOOST_AUTO_TEST_CASE(every_message_survives_any_split_of_the_bytes) {
  const auto stream = stream_of(samples());
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{8}, std::size_t{100}, stream.size()}) {
    MessageReader reader;
    const auto frames = through(reader, stream, step);
    BOOST_REQUIRE(frames.size() == samples().size());
    for (std::size_t i = 0; i < frames.size(); ++i)
      BOOST_TEST(frames[i] == wire::encode(samples()[i]), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(fields_come_back_with_their_values) {
  MessageReader reader;
  Message message;
  const auto stream = stream_of({samples()[3], samples()[6]});
  Bytes rest(stream);
  rest = rest.subspan(reader.feed(rest));
  BOOST_REQUIRE(reader.next(message) == State::complete);
  const auto& services = std::get<wire::Services>(message);
  BOOST_REQUIRE(services.services.size() == 3U);
  const auto& service = services.services[0];
  BOOST_TEST(service.name == "web");
  BOOST_TEST((service.addresses.at(1) == *parse_endpoint("[2001:db8::1]:53")));
  BOOST_TEST((service.answers.at(0) == *parse_ip("192.0.2.10")));
  BOOST_TEST(service.ttl == 30U);
  BOOST_TEST((service.late == wire::LatePolicy::drop));
  BOOST_TEST(service.nsid == std::string("fra\0\xff", 5));
  BOOST_TEST(to_ns(services.since) == 1'800'000'000'000'000'000);
  (void)reader.feed(rest);
  BOOST_REQUIRE(reader.next(message) == State::complete);
  const auto& report = std::get<wire::Report>(message);
  BOOST_TEST(report.racing);
  BOOST_TEST(report.correction.count() == -42);
  BOOST_TEST(report.counters.at(0).second == 12U);
  BOOST_TEST(report.drift.count() == -12345);
  BOOST_TEST(report.transmit_errors.count == 7U);
  BOOST_TEST(report.transmit_errors.most.count() == 6);
  BOOST_TEST(report.outcomes.at(0).transmit_error.count() == 77);
  BOOST_TEST((report.outcomes.at(1).fate == wire::RaceOutcome::Fate::failed));
  BOOST_TEST((report.outcomes.at(2).fate == wire::RaceOutcome::Fate::withheld));
  BOOST_TEST(report.outcomes.at(2).transmit_error.count() == 4);
}

BOOST_AUTO_TEST_CASE(the_bytes_are_those_of_the_protocol_page) {
  const std::vector<std::uint8_t> expected{
      0,    1,    0, 0, 0,   0,   0, 17,  // Hello, 17 octets
      0,    6,                            // version
      0,    0,    0, 0, 0,   0,   0, 9,   // instance
      0x13, 0x5a, 0, 2, 'h', 'i', 1};     // port 4954, software, a front end
  BOOST_TEST(wire::encode(wire::Hello{6, 9, 4954, "hi", true}) == expected, boost::test_tools::per_element());
  wire::Report report;
  const std::size_t empty = wire::encode(report).size();
  report.outcomes.resize(1);
  BOOST_TEST(wire::encode(report).size() - empty == 25U);
}

BOOST_AUTO_TEST_CASE(every_truncated_or_lengthened_body_is_malformed) {
  for (const Message& m : samples()) {
    const auto whole = wire::encode(m);
    const std::vector<std::uint8_t> body(whole.begin() + wire::kMessageHeader, whole.end());
    const auto type = static_cast<std::uint16_t>(m.index() + 1);
    for (std::size_t n = 0; n < body.size(); ++n)
      BOOST_TEST(verdict(frame_of(type, {body.begin(), body.begin() + static_cast<long>(n)})) ==
                 State::malformed);
    auto longer = body;
    longer.push_back(0);
    BOOST_TEST(verdict(frame_of(type, longer)) == State::malformed);
    BOOST_TEST(verdict(frame_of(type, body)) == State::complete);
  }
}

BOOST_AUTO_TEST_CASE(unknown_types_and_reserved_octets_are_malformed) {
  BOOST_TEST(verdict(frame_of(0, {})) == State::malformed);
  BOOST_TEST(verdict(frame_of(12, {})) == State::malformed);
  auto frame = wire::encode(wire::Ready{});
  frame[3] = 1;
  BOOST_TEST(verdict(frame) == State::malformed);
}

BOOST_AUTO_TEST_CASE(a_frame_that_is_too_long_is_refused_at_its_header) {
  MessageReader reader;
  Message message;
  const std::vector<std::uint8_t> header{0, 7, 0, 0, 0, 0, 0xff, 0xf9, 1, 2, 3};
  BOOST_TEST(reader.feed(header) == wire::kMessageHeader);
  BOOST_TEST(reader.next(message) == State::malformed);
  BOOST_TEST(reader.error() == "a Report of 65529 octets is too long");
  BOOST_TEST(reader.feed(header) == 0U);
}

BOOST_AUTO_TEST_CASE(no_more_than_one_frame_is_buffered) {
  MessageReader reader;
  Message message;
  const auto stream = stream_of({samples()[0], samples()[1]});
  const std::size_t first = wire::encode(samples()[0]).size();
  BOOST_TEST(reader.feed(stream) == first);
  BOOST_TEST(reader.feed(Bytes(stream).subspan(first)) == 0U);
  BOOST_TEST(reader.next(message) == State::complete);
  BOOST_TEST(reader.feed(Bytes(stream).subspan(first)) == stream.size() - first);
}

BOOST_AUTO_TEST_CASE(values_outside_the_limits_are_malformed) {
  const auto changed = [](const Message& m, std::size_t at, std::uint8_t value) {
    auto frame = wire::encode(m);
    frame.at(wire::kMessageHeader + at) = value;
    return verdict(frame);
  };
  const wire::Hello hello{wire::kSessionVersion, 2, 0x0101, "x"};
  BOOST_TEST(changed(hello, 12, 2) == State::malformed);  // software longer than the body
  BOOST_TEST(changed(hello, 14, 7) == State::malformed);  // a control character in a text
  const wire::Heartbeat heartbeat{from_ns<RefTime>(1), from_ns<RefTime>(1), Nanos(1)};
  BOOST_TEST(changed(heartbeat, 0, 0x80) == State::malformed);   // a time before 1970
  BOOST_TEST(changed(heartbeat, 16, 0x7f) == State::malformed);  // held for centuries
  BOOST_TEST(changed(heartbeat, 24, 3) == State::malformed);     // an unknown clock
  const wire::Welcome welcome{wire::kSessionVersion, 1, std::chrono::seconds(1), "a", {}};
  BOOST_TEST(changed(welcome, 6, 0x7f) == State::malformed);  // a heartbeat of centuries
  const wire::Report report;
  BOOST_TEST(changed(report, 0, 2) == State::malformed);  // neither racing nor not
}

BOOST_AUTO_TEST_CASE(a_time_server_has_a_port_and_a_key_of_aes) {
  const auto with = [](const wire::TimeServer& server) {
    return wire::encode(wire::Welcome{wire::kSessionVersion, 1, std::chrono::seconds(1), "a", {server}});
  };
  const Endpoint address = *parse_endpoint("192.0.2.1:123");
  BOOST_TEST(!with({address, 1, std::string(32, 'k')}).empty());
  BOOST_TEST(with({address, 1, std::string(20, 'k')}).empty());
  BOOST_TEST(with({address, 1, std::string(33, 'k')}).empty());
  BOOST_TEST(with({{address.ip, 0}, 1, ""}).empty());
  BOOST_TEST(wire::encode(wire::Welcome{wire::kSessionVersion, 1, std::chrono::seconds(1), "a",
                                        std::vector<wire::TimeServer>(5, {address, 0, ""})})
                 .empty());
  auto frame = with({address, 1, std::string(16, 'k')});
  frame.at(frame.size() - 17) = 15;  // a key of 15 octets, and one left over
  BOOST_TEST(verdict(frame) == State::malformed);
  frame.pop_back();
  frame[7] = static_cast<std::uint8_t>(frame[7] - 1);
  BOOST_TEST(verdict(frame) == State::malformed);  // well-formed, but no key
}

BOOST_AUTO_TEST_CASE(an_answer_has_a_location_when_the_client_belongs_elsewhere_and_otherwise_none) {
  using Home = wire::HomeAnswer::Home;
  const auto good = [](Home home, unsigned length, Nanos keep, const std::string& location) {
    return !wire::encode(wire::HomeAnswer{1, home, static_cast<std::uint8_t>(length), keep, location})
                .empty();
  };
  BOOST_TEST(good(Home::elsewhere, 24, Nanos(1), "http://a/"));
  BOOST_TEST(good(Home::here, 128, std::chrono::hours(1), ""));
  BOOST_TEST(!good(Home::elsewhere, 24, Nanos(1), ""));
  BOOST_TEST(!good(Home::here, 24, Nanos(1), "http://a/"));
  BOOST_TEST(!good(Home::unknown, 24, Nanos(1), "http://a/"));
  BOOST_TEST(!good(static_cast<Home>(3), 24, Nanos(1), ""));
  BOOST_TEST(!good(Home::here, 129, Nanos(1), ""));
  BOOST_TEST(!good(Home::here, 24, Nanos(-1), ""));
  BOOST_TEST(!good(Home::here, 24, std::chrono::hours(1) + Nanos(1), ""));
  BOOST_TEST(!good(Home::elsewhere, 24, Nanos(1), "http://a/\r\nSet-Cookie: x"));
  BOOST_TEST(!good(Home::elsewhere, 24, Nanos(1), std::string(wire::kMaxLocation + 1, 'a')));
}

BOOST_AUTO_TEST_CASE(of_a_web_sites_path_no_more_is_stripped_than_there_is) {
  const auto good = [](const wire::WebSite& site) {
    wire::Services services;
    services.services.emplace_back().sites = {site};
    return !wire::encode(services).empty();
  };
  BOOST_TEST(good({"a.test", "/mirror", 7, "www.a.test"}));
  BOOST_TEST(!good({"a.test", "/mirror", 8, ""}));
  BOOST_TEST(!good({"a.test\n", "", 0, ""}));
  wire::Services services;
  services.services.emplace_back().sites.resize(wire::kMaxWebSites + 1);
  BOOST_TEST(wire::encode(services).empty());
}

BOOST_AUTO_TEST_CASE(a_spread_says_what_a_histogram_holds) {
  Histogram histogram;
  BOOST_TEST(wire::spread_of(histogram).count == 0U);
  BOOST_TEST(wire::spread_of(histogram).most.count() == 0);
  for (int i = 1; i <= 100; ++i) histogram.add(Nanos(i * 1000));
  const wire::Spread spread = wire::spread_of(histogram);
  BOOST_TEST(spread.count == 100U);
  BOOST_TEST(spread.p50.count() >= 50'000);
  BOOST_TEST(spread.p50.count() <= 55'000);
  BOOST_TEST((spread.p50 <= spread.p90 && spread.p90 <= spread.p99 && spread.p99 <= spread.most));
  BOOST_TEST(spread.most.count() == 100'000);
}

BOOST_AUTO_TEST_CASE(evidence_comes_back_with_its_values) {
  MessageReader reader;
  Message message;
  (void)reader.feed(wire::encode(evidence()));
  BOOST_REQUIRE(reader.next(message) == State::complete);
  const auto& got = std::get<wire::Evidence>(message);
  BOOST_TEST((got.pings.at(0).fate == wire::PingResult::Fate::answered));
  BOOST_TEST((got.pings.at(1).address == *parse_ip("2001:db8::7")));
  BOOST_TEST(got.pings.at(0).round_trip.count() == 12'000'000);
  BOOST_TEST((got.paths.at(0).client == *parse_prefix("198.51.100.0/24")));
  BOOST_TEST(got.paths.at(0).rate == 1'250'000U);
  BOOST_TEST(got.loads.at(0).idle_cpu.value() == 500'000U);
  BOOST_TEST(!got.loads.at(1).free_memory.has_value());
  BOOST_TEST((got.checks.at(0).answer == *parse_ip("192.0.2.10")));
  BOOST_TEST((got.checks.at(1).state == wire::Health::down));
  BOOST_TEST(got.checks.at(1).why == "connection refused");
}

BOOST_AUTO_TEST_CASE(absurd_evidence_is_malformed_whoever_writes_it) {
  using Fate = wire::PingResult::Fate;
  const auto refused = [](const auto& change) {
    wire::Evidence changed = evidence();
    change(changed);
    return wire::encode(changed).empty();
  };
  BOOST_TEST(!refused([](wire::Evidence&) {}));
  BOOST_TEST(refused([](auto& e) { e.pings[0].round_trip = Nanos(0); }));  // answered in no time
  BOOST_TEST(refused([](auto& e) { e.pings[0].round_trip = std::chrono::seconds(61); }));
  BOOST_TEST(refused([](auto& e) { e.pings[0].round_trip = Nanos(-1); }));
  BOOST_TEST(refused([](auto& e) { e.pings[1].round_trip = Nanos(7); }));  // silent, with a time
  BOOST_TEST(refused([](auto& e) { e.pings[0].fate = static_cast<Fate>(3); }));
  BOOST_TEST(refused([](auto& e) { e.pings[0].age = std::chrono::hours(2); }));
  BOOST_TEST(refused([](auto& e) { e.paths[0].client.ip = *parse_ip("198.51.100.1"); }));  // host bits
  BOOST_TEST(refused([](auto& e) { e.paths[0].client = *parse_prefix("0.0.0.0/0"); }));    // everybody
  BOOST_TEST(refused([](auto& e) { e.paths[0].client.length = 33; }));
  BOOST_TEST(refused([](auto& e) { e.paths[0].least = e.paths[0].smoothed + Nanos(1); }));
  BOOST_TEST(refused([](auto& e) { e.paths[0].least = Nanos(0); }));
  BOOST_TEST(refused([](auto& e) { e.paths[0].rate = wire::kMaxAmount + 1; }));
  BOOST_TEST(refused([](auto& e) { e.paths[0].retransmitted = wire::kWhole + 1; }));
  BOOST_TEST(refused([](auto& e) { e.paths[0].connections = 0; }));
  BOOST_TEST(refused([](auto& e) { e.loads[0].idle_cpu = wire::kWhole + 1; }));
  BOOST_TEST(refused([](auto& e) { e.loads[0].free_memory = wire::kMaxAmount + 1; }));
  BOOST_TEST(refused([](auto& e) { e.loads[0].name = "a\nb"; }));
  BOOST_TEST(refused([](auto& e) { e.checks[0].name = std::string(65, 'x'); }));
  BOOST_TEST(refused([](auto& e) { e.checks[0].since = Nanos(-1); }));
  // And read from bytes: a flag that is neither 0 nor 1.
  auto frame = wire::encode(evidence());
  const std::string machine = "machine";
  const auto at = std::search(frame.begin(), frame.end(), machine.begin(), machine.end());
  BOOST_REQUIRE((at != frame.end()));
  *(at + static_cast<long>(machine.size())) = 2;
  BOOST_TEST(verdict(frame) == State::malformed);
}

BOOST_AUTO_TEST_CASE(the_fullest_evidence_and_order_fit_into_a_frame) {
  wire::Evidence full;
  const IpAddress v6 = *parse_ip("2001:db8::7");
  full.pings.resize(wire::kMaxPings, {v6, wire::PingResult::Fate::answered, Nanos(1), Nanos(1)});
  full.paths.resize(wire::kMaxPaths, {*parse_prefix("2001:db8::/56"), Nanos(1), Nanos(1), 1, 1, 1});
  full.loads.resize(wire::kMaxLoads, {std::string(64, 'l'), 1, 1, 1, 1});
  full.checks.resize(wire::kMaxChecks,
                     {std::string(64, 'c'), v6, wire::Health::down, Nanos(1), std::string(128, 'w')});
  BOOST_TEST(!wire::encode(full).empty());
  wire::PingOrder order;
  order.addresses.resize(wire::kMaxPings, v6);
  BOOST_TEST(!wire::encode(order).empty());
  order.addresses.push_back(v6);
  BOOST_TEST(wire::encode(order).empty());
}

BOOST_AUTO_TEST_CASE(an_order_of_pings_waits_neither_for_ever_nor_not_at_all) {
  wire::PingOrder order{Nanos(0), {*parse_ip("192.0.2.7")}};
  BOOST_TEST(wire::encode(order).empty());
  order.within = std::chrono::hours(1);
  BOOST_TEST(wire::encode(order).empty());
  order.within = wire::kMostPingWait;
  BOOST_TEST(!wire::encode(order).empty());
}

BOOST_AUTO_TEST_CASE(a_collector_has_no_order_port) {
  MessageReader reader;
  Message message;
  (void)reader.feed(wire::encode(wire::Hello{wire::kSessionVersion, 2, 0, "x"}));
  BOOST_REQUIRE(reader.next(message) == State::complete);
  BOOST_TEST(std::get<wire::Hello>(message).order_port == 0);
}

BOOST_AUTO_TEST_CASE(a_hello_of_another_version_gives_its_version_and_nothing_else) {
  MessageReader reader;
  Message message;
  const auto frame = frame_of(1, {0, 9, 'w', 'h', 'a', 't', 'e', 'v', 'e', 'r'});
  (void)reader.feed(frame);
  BOOST_REQUIRE(reader.next(message) == State::complete);
  BOOST_TEST(std::get<wire::Hello>(message).version == 9);
  BOOST_TEST(std::get<wire::Hello>(message).software.empty());
}

BOOST_AUTO_TEST_CASE(what_breaks_a_limit_is_not_encoded) {
  wire::Services services;
  services.services.resize(1);
  services.services[0].addresses.resize(wire::kMaxAddresses);
  BOOST_TEST(!wire::encode(services).empty());
  services.services[0].addresses.resize(wire::kMaxAddresses + 1);
  BOOST_TEST(wire::encode(services).empty());
  BOOST_TEST(
      wire::encode(wire::Welcome{wire::kSessionVersion, 1, std::chrono::seconds(1), "a\nb", {}}).empty());
  BOOST_TEST(wire::encode(wire::Welcome{wire::kSessionVersion, 1, Nanos(1), "a", {}}).empty());
  wire::Services huge;
  huge.services.resize(wire::kMaxServices);
  for (auto& s : huge.services) s.name = std::string(255, 'x');
  BOOST_TEST(wire::encode(huge).empty());
  wire::Report report;
  report.outcomes.resize(wire::kMaxOutcomes);
  BOOST_TEST(!wire::encode(report).empty());
  report.outcomes.resize(wire::kMaxOutcomes + 1);
  BOOST_TEST(wire::encode(report).empty());
}

BOOST_AUTO_TEST_CASE(free_text_is_cut_and_made_printable) {
  const auto frame =
      wire::encode(wire::Refusal{std::string("a\n\x1b[2J") + std::string(2000, 'b'), Nanos(0)});
  MessageReader reader;
  Message message;
  (void)reader.feed(frame);
  BOOST_REQUIRE(reader.next(message) == State::complete);
  const auto& reason = std::get<wire::Refusal>(message).reason;
  BOOST_TEST(reason.size() == 1024U);
  BOOST_TEST(reason.starts_with("a??[2Jb"));
}

BOOST_AUTO_TEST_CASE(changed_bytes_give_a_verdict_whatever_they_are) {
  SeededRandom random(5);
  const auto stream = stream_of(samples());
  for (int i = 0; i < 5000; ++i) {
    auto changed = stream;
    for (int k = 0; k < 3; ++k)
      changed[random.next() % changed.size()] = static_cast<std::uint8_t>(random.next());
    MessageReader reader;
    (void)through(reader, changed, 1 + random.next() % 64);
  }
}

BOOST_AUTO_TEST_SUITE_END()
