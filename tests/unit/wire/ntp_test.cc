#include "common/wire/ntp.hh"

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace flagfall;        // NOLINT(*-using-namespace)
using namespace flagfall::wire;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

/// Not a MAC, but one that depends on every octet and its place.
NtpDigest sum(Bytes message) {
  NtpDigest out{};
  for (std::size_t i = 0; i < message.size(); ++i)
    out.at(i % out.size()) = static_cast<std::uint8_t>(out.at(i % out.size()) * 31U + message[i] + i);
  return out;
}

NtpPacket reply() {
  NtpPacket p;
  p.leap = NtpLeap::insert;
  p.mode = static_cast<std::uint8_t>(NtpMode::server);
  p.stratum = 2;
  p.poll = 6;
  p.precision = -25;
  p.root_delay = 1500us;
  p.root_dispersion = 20ms;
  p.reference_id = 0x7f7f0101;
  p.reference = 0xe800000012345678;
  p.origin = 0x1122334455667788;
  p.receive = 0xe80000010000abcd;
  p.transmit = 0xe80000010000bcde;
  return p;
}

std::vector<std::uint8_t> encoded(const NtpPacket& packet) {
  std::vector<std::uint8_t> out(kNtpHeader);
  BOOST_TEST(encode_ntp(packet, out) == kNtpHeader);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ntp)

BOOST_AUTO_TEST_CASE(a_header_reads_back_as_it_was_written) {
  const NtpPacket p = reply();
  const auto parsed = parse_ntp(encoded(p));
  BOOST_REQUIRE(parsed.has_value());
  BOOST_TEST(!parsed->signature.has_value());
  const NtpPacket& q = parsed->packet;
  BOOST_TEST((q.leap == p.leap));
  BOOST_TEST(q.version == 4U);
  BOOST_TEST(q.mode == 4U);
  BOOST_TEST(q.stratum == 2U);
  BOOST_TEST(q.poll == 6);
  BOOST_TEST(q.precision == -25);
  BOOST_TEST(q.reference_id == p.reference_id);
  BOOST_TEST(q.reference == p.reference);
  BOOST_TEST(q.origin == p.origin);
  BOOST_TEST(q.receive == p.receive);
  BOOST_TEST(q.transmit == p.transmit);
  // 15.3 us a step, never rounded down.
  BOOST_TEST((q.root_delay >= p.root_delay && q.root_delay < p.root_delay + 31us));
  BOOST_TEST((q.root_dispersion >= p.root_dispersion && q.root_dispersion < p.root_dispersion + 31us));
}

BOOST_AUTO_TEST_CASE(the_octets_are_where_rfc_5905_puts_them) {
  const auto bytes = encoded(reply());
  BOOST_TEST(bytes[0] == 0x64);  // leap 1, version 4, mode 4
  BOOST_TEST(bytes[1] == 2);
  BOOST_TEST(bytes[3] == 0xe7);
  BOOST_TEST(bytes[12] == 0x7f);
  BOOST_TEST(bytes[24] == 0x11);
  BOOST_TEST(bytes[32] == 0xe8);
  BOOST_TEST(bytes[47] == 0xde);
}

BOOST_AUTO_TEST_CASE(every_shorter_packet_is_malformed) {
  auto bytes = encoded(reply());
  for (std::size_t n = 0; n < kNtpHeader; ++n) BOOST_TEST(!parse_ntp(Bytes(bytes).first(n)).has_value());
}

BOOST_AUTO_TEST_CASE(what_follows_the_header_is_a_mac_or_extension_fields_or_malformed) {
  for (std::size_t extra = 0; extra <= 24; ++extra) {
    auto bytes = encoded(reply());
    bytes.resize(kNtpHeader + extra, 0x55);
    const bool fine = extra == 0 || extra == 4 || extra == 20 || extra == 24;
    BOOST_TEST(parse_ntp(bytes).has_value() == fine, extra);
  }
  auto field = encoded(reply());
  field.resize(kNtpHeader + 28);
  field[kNtpHeader + 1] = 1;
  field[kNtpHeader + 3] = 28;
  BOOST_TEST(parse_ntp(field).has_value());
  field.resize(field.size() + 20);
  const auto parsed = parse_ntp(field);
  BOOST_REQUIRE(parsed.has_value());
  BOOST_REQUIRE(parsed->signature.has_value());
  BOOST_TEST(parsed->signature->covered.size() == kNtpHeader + 28);
  for (const unsigned length : {0U, 4U, 15U, 18U, 27U, 29U, 60U, 255U}) {
    field[kNtpHeader + 3] = static_cast<std::uint8_t>(length);
    BOOST_TEST(!parse_ntp(field).has_value(), length);
  }
}

BOOST_AUTO_TEST_CASE(a_signature_verifies_only_under_its_key_and_unchanged) {
  std::vector<std::uint8_t> bytes(kNtpHeader + kNtpMac);
  const std::size_t size = sign_ntp(bytes, encode_ntp(reply(), bytes), 7, sum);
  BOOST_TEST(size == bytes.size());
  BOOST_TEST(verify_ntp(*parse_ntp(bytes), 7, sum));
  BOOST_TEST(!verify_ntp(*parse_ntp(bytes), 8, sum));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= 1;
    BOOST_TEST(!verify_ntp(*parse_ntp(bytes), 7, sum), i);
    bytes[i] ^= 1;
  }
  BOOST_TEST(!verify_ntp(*parse_ntp(Bytes(bytes).first(kNtpHeader)), 7, sum));
  BOOST_TEST(!verify_ntp(*parse_ntp(Bytes(bytes).first(kNtpHeader + 4)), 7, sum));  // crypto-NAK
}

BOOST_AUTO_TEST_CASE(kiss_codes_are_four_letters_or_nothing) {
  NtpPacket p;
  p.reference_id = 0x52415445;
  BOOST_TEST(kiss_code(p) == "RATE");
  p.reference_id = 0x7f000001;
  BOOST_TEST(kiss_code(p).empty());
}

BOOST_AUTO_TEST_CASE(timestamps_convert_to_the_nanosecond_across_eras) {
  for (const std::int64_t ns :
       {1LL, 999'999'999LL, 1'790'000'000'123'456'789LL, 2'085'978'495'999'999'999LL,
        2'085'978'496'000'000'000LL, 2'085'978'496'000'000'001LL, 4'000'000'000'000'000'000LL}) {
    const RefTime t{Nanos(ns)};
    const auto back = from_ntp(to_ntp(t));
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST(back->time_since_epoch().count() == ns);
  }
  BOOST_TEST(to_ntp(RefTime(0s)) == std::uint64_t{2'208'988'800} << 32);
  BOOST_TEST(!from_ntp(0).has_value());
  BOOST_TEST(from_ntp(~std::uint64_t{0}).has_value());
}

BOOST_AUTO_TEST_CASE(absurd_delays_saturate) {
  NtpPacket p = reply();
  p.root_delay = 100h;
  p.root_dispersion = -1s;
  const auto q = parse_ntp(encoded(p))->packet;
  BOOST_TEST((q.root_delay > 65535s));
  BOOST_TEST((q.root_dispersion == 0s));
}

BOOST_AUTO_TEST_SUITE_END()
