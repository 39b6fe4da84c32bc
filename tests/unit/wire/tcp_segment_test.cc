#include "common/wire/tcp_segment.hh"

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test

namespace {

std::vector<std::uint8_t> packet_of(const wire::TcpSegment& segment) {
  std::vector<std::uint8_t> out(2000);
  out.resize(wire::write_tcp_packet(segment, out));
  return out;
}

wire::TcpSegment segment(const char* source, const char* destination, std::string_view payload) {
  return {.source = *parse_endpoint(source),
          .destination = *parse_endpoint(destination),
          .sequence = 0xfffffff0,
          .acknowledgement = 0x01020304,
          .window = 501,
          .timestamps = wire::TcpTimestamps{1000, 2000},
          .payload = as_bytes(payload)};
}

/// All 16-bit words of the pseudo header, the TCP header and the data add up to ones (RFC 1071).
bool sums_up(Bytes packet) {
  const bool v4 = packet[0] >> 4 == 4;
  const Bytes addresses = v4 ? packet.subspan(12, 8) : packet.subspan(8, 32);
  const Bytes tcp = packet.subspan(v4 ? 20 : 40);
  std::uint32_t sum = 6 + static_cast<std::uint32_t>(tcp.size());
  for (const Bytes part : {addresses, tcp})
    for (std::size_t i = 0; i < part.size(); ++i) sum += i % 2 == 0 ? part[i] * 256U : part[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

/// An acknowledgement with these options.
std::vector<std::uint8_t> acknowledgement(std::vector<std::uint8_t> options) {
  std::vector<std::uint8_t> out = packet_of(segment("192.0.2.9:4000", "192.0.2.1:80", ""));
  out.resize(40);
  out.insert(out.end(), options.begin(), options.end());
  out[3] = static_cast<std::uint8_t>(out.size());
  out[32] = static_cast<std::uint8_t>((20 + options.size()) / 4 << 4);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tcp_segment)

BOOST_AUTO_TEST_CASE(a_segment_is_read_as_it_was_written) {
  for (const auto& [from, to] : {std::pair("192.0.2.1:80", "198.51.100.7:40000"),
                                 std::pair("[2001:db8::1]:80", "[2001:db8:1::7]:40000")})
    for (const std::string_view payload : {"", "x", "HTTP/1.1 302 Found\r\n\r\n"}) {
      wire::TcpSegment one = segment(from, to, payload);
      for (const bool stamped : {true, false}) {
        if (!stamped) one.timestamps.reset();
        const auto packet = packet_of(one);
        BOOST_TEST(sums_up(packet));
        const auto read = wire::parse_tcp_packet(packet);
        BOOST_REQUIRE(read);
        BOOST_TEST((read->source == one.source && read->destination == one.destination));
        BOOST_TEST(read->sequence == one.sequence);
        BOOST_TEST(read->acknowledgement == one.acknowledgement);
        BOOST_TEST(read->window == one.window);
        BOOST_TEST((read->timestamps == one.timestamps));
        BOOST_TEST(read->payload == payload.size());
        BOOST_TEST((read->ack && !read->syn && !read->fin && !read->rst));
      }
    }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_not_written) {
  std::vector<std::uint8_t> room(20 + 32 + 4);
  BOOST_TEST(wire::write_tcp_packet(segment("192.0.2.1:80", "192.0.2.2:1", "12345"), room) == 0U);
  BOOST_TEST(wire::write_tcp_packet(segment("192.0.2.1:80", "192.0.2.2:1", "1234"), room) == room.size());
  std::vector<std::uint8_t> large(70000);
  const std::string_view most(reinterpret_cast<const char*>(large.data()),
                              0xffff - 32);  // NOLINT(*-reinterpret-cast)
  BOOST_TEST(wire::write_tcp_packet(segment("192.0.2.1:80", "192.0.2.2:1", most), large) == 0U);
  std::vector<std::uint8_t> room6(70000);
  BOOST_TEST(wire::write_tcp_packet(segment("[::1]:80", "[::2]:1", most), room6) == most.size() + 72);
}

BOOST_AUTO_TEST_CASE(selective_acknowledgements_are_read) {
  const auto read = wire::parse_tcp_packet(acknowledgement(
      {1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6, 1, 1, 5, 18, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0}));
  BOOST_REQUIRE(read);
  BOOST_TEST((read->timestamps == wire::TcpTimestamps{5, 6}));
  BOOST_REQUIRE_EQUAL(read->sacks, 2U);
  BOOST_TEST((read->blocks()[0] == wire::SackBlock{0x100, 0x200}));
  BOOST_TEST((read->blocks()[1] == wire::SackBlock{0x300, 0x400}));
}

BOOST_AUTO_TEST_CASE(options_that_do_not_fit_are_no_segment) {
  BOOST_TEST(!wire::parse_tcp_packet(acknowledgement({8, 10, 0, 0})));
  BOOST_TEST(!wire::parse_tcp_packet(acknowledgement({8, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1})));
  BOOST_TEST(!wire::parse_tcp_packet(acknowledgement({5, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1})));
  BOOST_TEST(!wire::parse_tcp_packet(acknowledgement({1, 1, 1, 99})));
  BOOST_TEST(!wire::parse_tcp_packet(acknowledgement({99, 1, 1, 1})));
  BOOST_TEST(wire::parse_tcp_packet(acknowledgement({99, 4, 1, 1})).has_value());
  BOOST_TEST(wire::parse_tcp_packet(acknowledgement({0, 1, 99, 99})).has_value());
}

BOOST_AUTO_TEST_CASE(any_octets_give_a_segment_or_none) {
  for (const char* from : {"192.0.2.1:80", "[2001:db8::1]:80"}) {
    const char* to = from[0] == '[' ? "[2001:db8::2]:1" : "192.0.2.2:1";
    const auto whole = packet_of(segment(from, to, "data"));
    for (std::size_t n = 0; n < whole.size() - 4; ++n)
      BOOST_TEST(!wire::parse_tcp_packet(Bytes(whole).first(n)));
    BOOST_TEST(
        wire::parse_tcp_packet(Bytes(whole).first(whole.size() - 4)).has_value());  // captured without data
    for (std::size_t at = 0; at < whole.size(); ++at)
      for (unsigned value = 0; value < 256; value += 5) {
        auto changed = whole;
        changed[at] = static_cast<std::uint8_t>(value);
        (void)wire::parse_tcp_packet(changed);
      }
  }
  auto fragment = packet_of(segment("192.0.2.1:80", "192.0.2.2:1", "data"));
  fragment[6] = 0x20;  // more of them
  BOOST_TEST(!wire::parse_tcp_packet(fragment));
  auto udp = packet_of(segment("192.0.2.1:80", "192.0.2.2:1", "data"));
  udp[9] = 17;
  BOOST_TEST(!wire::parse_tcp_packet(udp));
}

BOOST_AUTO_TEST_CASE(sequence_numbers_wrap) {
  BOOST_TEST(wire::sequence_before(1, 2));
  BOOST_TEST(wire::sequence_before(0xfffffff0, 5));
  BOOST_TEST(!wire::sequence_before(5, 0xfffffff0));
  BOOST_TEST(!wire::sequence_before(7, 7));
}

BOOST_AUTO_TEST_SUITE_END()
