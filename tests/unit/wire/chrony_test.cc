#include "common/wire/chrony.hh"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "common/base/random.hh"

using namespace flagfall;        // NOLINT(*-using-namespace)
using namespace flagfall::wire;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

/// The bits of a chrony float, as chronyd's own encoder makes them: the
/// smallest exponent that holds the value in 24 bits and a sign.
std::uint32_t chrony_float(double value) {
  if (value == 0) return 0;
  int exponent = 0;
  const double mantissa = std::frexp(value, &exponent);
  const auto coefficient = static_cast<std::int32_t>(std::lround(mantissa * 0x1p24));
  const auto bits = static_cast<std::uint32_t>(coefficient) & 0x1ffffffU;
  return (static_cast<std::uint32_t>(exponent + 1) << 25) | bits;
}

struct Fields {
  std::uint8_t version = 6, type = 2;
  std::uint16_t command = 33, reply = 5, status = 0;
  std::uint32_t sequence = 0xfeedf00d;
  std::uint16_t stratum = 3, leap = 0;
  std::uint32_t seconds_high = 0, seconds = 1'700'000'000, nanos = 250;
  double correction = 0.001, root_delay = 0.0004, root_dispersion = 0.00005;
};

/// A reply in the layout of candm.h, offsets as in the protocol.
std::vector<std::uint8_t> reply(const Fields& f) {
  std::vector<std::uint8_t> out(kChronyTrackingReply);
  ByteWriter w(out);
  w.u8(f.version);
  w.u8(f.type);
  w.u16(0);
  w.u16(f.command);
  w.u16(f.reply);
  w.u16(f.status);
  for (int i = 0; i < 3; ++i) w.u16(0);
  w.u32(f.sequence);
  w.u64(0);
  BOOST_REQUIRE_EQUAL(w.size(), 28U);
  w.u32(0x7f7f0101);
  for (int i = 0; i < 5; ++i) w.u32(0);
  w.u16(f.stratum);
  w.u16(f.leap);
  w.u32(f.seconds_high);
  w.u32(f.seconds);
  w.u32(f.nanos);
  BOOST_REQUIRE_EQUAL(w.size(), 68U);
  w.u32(chrony_float(f.correction));
  w.u32(chrony_float(0.5));
  w.u32(chrony_float(0.25));
  w.u32(chrony_float(-12.5));
  w.u32(chrony_float(0.125));
  w.u32(chrony_float(0.75));
  w.u32(chrony_float(f.root_delay));
  w.u32(chrony_float(f.root_dispersion));
  w.u32(chrony_float(64));
  BOOST_REQUIRE(w.ok() && w.left() == 0);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chrony)

BOOST_AUTO_TEST_CASE(a_request_is_as_long_as_its_reply_and_laid_out_as_chronyd_reads_it) {
  const auto bytes = encode_tracking_request(0x01020304, 7);
  BOOST_TEST(bytes.size() == 104U);
  const std::vector<std::uint8_t> head = {6, 1, 0, 0, 0, 33, 0, 7, 1, 2, 3, 4};
  BOOST_TEST(std::vector(bytes.begin(), bytes.begin() + 12) == head, boost::test_tools::per_element());
  for (std::size_t i = 12; i < bytes.size(); ++i) BOOST_TEST(bytes.at(i) == 0);
}

BOOST_AUTO_TEST_CASE(chrony_floats_decode_to_their_values) {
  BOOST_TEST(decode_chrony_float(0) == 0.0);
  BOOST_TEST(decode_chrony_float((2U << 25) | (1U << 23)) == 1.0);
  BOOST_TEST(decode_chrony_float((1U << 25) | (1U << 24)) == -1.0);
  BOOST_TEST(decode_chrony_float(0x1ffffffU) == -0x1p-25);
  BOOST_TEST(decode_chrony_float((0x40U << 25) | 1U) == 0x1p-89);
  BOOST_TEST(decode_chrony_float((0x3fU << 25) | 0xffffffU) == 0xffffffp38);
  for (const double value : {1.0, -1.0, 0.5, 1e-6, -3.25e-4, 123456.0, -0.015625})
    BOOST_TEST(decode_chrony_float(chrony_float(value)) == value, boost::test_tools::tolerance(1e-7));
}

BOOST_AUTO_TEST_CASE(a_tracking_reply_yields_its_figures) {
  const ChronyReply r = parse_tracking_reply(reply({}));
  BOOST_REQUIRE(r.verdict == ChronyVerdict::ok);
  BOOST_TEST(r.sequence == 0xfeedf00dU);
  BOOST_TEST(r.tracking.stratum == 3);
  BOOST_TEST(r.tracking.reference == 0x7f7f0101U);
  BOOST_TEST((r.tracking.leap == ChronyLeap::normal));
  BOOST_TEST((r.tracking.reference_time == 1'700'000'000s + 250ns));
  BOOST_TEST(std::abs((r.tracking.correction - 1ms).count()) <= 1);
  BOOST_TEST(std::abs((r.tracking.root_delay - 400us).count()) <= 1);
  BOOST_TEST((r.tracking.rms_offset == 250ms));
  BOOST_TEST(std::abs((r.tracking.root_dispersion - 50us).count()) <= 1);
  BOOST_TEST(r.tracking.frequency_ppm == -12.5);
  BOOST_TEST(r.tracking.skew_ppm == 0.75);
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_fast_has_a_negative_correction) {
  Fields f;
  f.correction = -0.005;
  const ChronyReply r = parse_tracking_reply(reply(f));
  BOOST_REQUIRE(r.verdict == ChronyVerdict::ok);
  BOOST_TEST(std::abs((r.tracking.correction + 5ms).count()) <= 1);
}

BOOST_AUTO_TEST_CASE(an_error_status_is_a_refusal_with_its_number) {
  Fields f;
  f.status = 2;
  f.reply = 1;
  const auto whole = reply(f);
  const ChronyReply r = parse_tracking_reply(Bytes(whole).first(kChronyReplyHeader));
  BOOST_TEST((r.verdict == ChronyVerdict::refused));
  BOOST_TEST(r.status == 2);
  BOOST_TEST(r.sequence == 0xfeedf00dU);
}

BOOST_AUTO_TEST_CASE(replies_of_another_kind_are_malformed) {
  const auto verdict = [](auto change) {
    Fields f;
    change(f);
    return parse_tracking_reply(reply(f)).verdict;
  };
  BOOST_TEST((verdict([](Fields& f) { f.version = 5; }) == ChronyVerdict::malformed));
  BOOST_TEST((verdict([](Fields& f) { f.type = 1; }) == ChronyVerdict::malformed));
  BOOST_TEST((verdict([](Fields& f) { f.command = 34; }) == ChronyVerdict::malformed));
  BOOST_TEST((verdict([](Fields& f) { f.reply = 6; }) == ChronyVerdict::malformed));
  BOOST_TEST((verdict([](Fields& f) { f.leap = 4; }) == ChronyVerdict::malformed));
}

BOOST_AUTO_TEST_CASE(absurd_figures_are_malformed) {
  const auto verdict = [](auto change) {
    Fields f;
    change(f);
    return parse_tracking_reply(reply(f)).verdict;
  };
  BOOST_TEST((verdict([](Fields& f) { f.root_delay = -1e-6; }) == ChronyVerdict::malformed));
  BOOST_TEST((verdict([](Fields& f) { f.root_dispersion = -1; }) == ChronyVerdict::malformed));
  BOOST_TEST((verdict([](Fields& f) { f.correction = 1e12; }) == ChronyVerdict::malformed));
  BOOST_TEST((verdict([](Fields& f) { f.correction = -1e12; }) == ChronyVerdict::malformed));
  BOOST_TEST((verdict([](Fields& f) { f.nanos = 1'000'000'000; }) == ChronyVerdict::malformed));
  BOOST_TEST((verdict([](Fields& f) { f.seconds_high = 1; }) == ChronyVerdict::malformed));
}

BOOST_AUTO_TEST_CASE(seconds_of_32_bits_may_be_marked_as_such) {
  Fields f;
  f.seconds_high = 0x7fffffff;
  BOOST_TEST((parse_tracking_reply(reply(f)).verdict == ChronyVerdict::ok));
}

BOOST_AUTO_TEST_CASE(every_truncation_is_malformed) {
  const auto whole = reply({});
  for (std::size_t n = 0; n < whole.size(); ++n)
    BOOST_TEST((parse_tracking_reply(Bytes(whole).first(n)).verdict == ChronyVerdict::malformed));
}

BOOST_AUTO_TEST_CASE(random_bytes_behind_a_good_header_never_give_a_negative_bound) {
  SeededRandom random(7);
  unsigned good = 0;
  auto bytes = reply({});
  for (int i = 0; i < 20'000; ++i) {
    for (std::size_t at = kChronyReplyHeader; at < bytes.size(); ++at)
      bytes[at] = static_cast<std::uint8_t>(random.next());
    bytes[54] = 0;
    bytes[55] &= 3;
    for (std::size_t at = 56; at < 60; ++at) bytes[at] = 0;
    bytes[64] &= 0x3b;
    const ChronyReply r = parse_tracking_reply(bytes);
    if (r.verdict != ChronyVerdict::ok) continue;
    ++good;
    BOOST_TEST((r.tracking.root_dispersion >= 0ns && r.tracking.root_delay >= 0ns));
  }
  BOOST_TEST(good > 100U);
}

BOOST_AUTO_TEST_SUITE_END()
