#include "common/wire/chrony.hh"

#include <cmath>
#include <optional>

namespace flagfall::wire {
namespace {

constexpr std::uint8_t kVersion = 6;
constexpr std::uint8_t kTypeRequest = 1;
constexpr std::uint8_t kTypeReply = 2;
constexpr std::uint16_t kCommandTracking = 33;
constexpr std::uint16_t kReplyTracking = 5;
constexpr std::uint16_t kStatusGood = 0;
/// In a timespec's high word: the sender has 32-bit seconds only.
constexpr std::uint32_t kNoHighSeconds = 0x7fffffff;

/// Beyond 68 years nothing here is a real clock, and sums would near the end of 64-bit nanoseconds.
constexpr double kMostSeconds = 2147483648.0;

std::optional<Nanos> to_nanos(double seconds) {
  if (std::fabs(seconds) >= kMostSeconds) return std::nullopt;
  return Nanos(std::llround(seconds * 1e9));
}

std::optional<Nanos> read_timespec(ByteReader& in) {
  std::uint64_t high = in.u32();
  const std::uint64_t low = in.u32();
  const std::uint32_t nanos = in.u32();
  if (high == kNoHighSeconds) high = 0;
  if (high != 0 || nanos >= 1'000'000'000) return std::nullopt;
  return std::chrono::seconds(static_cast<std::int64_t>(low)) + Nanos(nanos);
}

std::optional<ChronyTracking> read_tracking(ByteReader& in) {
  ChronyTracking out;
  out.reference = in.u32();
  in.skip(20);  // the source's address: 16 octets, family, padding
  out.stratum = in.u16();
  const std::uint16_t leap = in.u16();
  const auto reference_time = read_timespec(in);
  const auto correction = to_nanos(decode_chrony_float(in.u32()));
  in.skip(4);  // last offset
  const auto rms_offset = to_nanos(decode_chrony_float(in.u32()));
  out.frequency_ppm = decode_chrony_float(in.u32());
  in.skip(4);  // residual frequency
  out.skew_ppm = decode_chrony_float(in.u32());
  const auto root_delay = to_nanos(decode_chrony_float(in.u32()));
  const auto root_dispersion = to_nanos(decode_chrony_float(in.u32()));
  in.skip(4);  // last update interval
  if (!in.ok() || leap > static_cast<std::uint16_t>(ChronyLeap::unsynchronised)) return std::nullopt;
  if (!reference_time || !correction || !rms_offset || !root_delay || !root_dispersion) return std::nullopt;
  if (*rms_offset < Nanos(0) || *root_delay < Nanos(0) || *root_dispersion < Nanos(0)) return std::nullopt;
  out.leap = static_cast<ChronyLeap>(leap);
  out.reference_time = *reference_time;
  out.correction = *correction;
  out.rms_offset = *rms_offset;
  out.root_delay = *root_delay;
  out.root_dispersion = *root_dispersion;
  return out;
}

}  // namespace

double decode_chrony_float(std::uint32_t bits) noexcept {
  const auto exponent = static_cast<std::int32_t>(bits) >> 25;
  const auto coefficient = static_cast<std::int32_t>(bits << 7) >> 7;
  return std::ldexp(static_cast<double>(coefficient), exponent - 25);
}

std::array<std::uint8_t, kChronyRequest> encode_tracking_request(std::uint32_t sequence,
                                                                 std::uint16_t attempt) {
  std::array<std::uint8_t, kChronyRequest> out{};
  ByteWriter w(out);
  w.u8(kVersion);
  w.u8(kTypeRequest);
  w.u16(0);  // reserved; anything else is dropped without a word
  w.u16(kCommandTracking);
  w.u16(attempt);
  w.u32(sequence);
  return out;
}

ChronyReply parse_tracking_reply(Bytes datagram) noexcept {
  ChronyReply out;
  ByteReader in(datagram);
  const std::uint8_t version = in.u8();
  const std::uint8_t type = in.u8();
  in.skip(2);
  const std::uint16_t command = in.u16();
  const std::uint16_t reply = in.u16();
  out.status = in.u16();
  in.skip(6);
  out.sequence = in.u32();
  in.skip(8);
  if (!in.ok() || version != kVersion || type != kTypeReply || command != kCommandTracking) return out;
  if (out.status != kStatusGood) {
    out.verdict = ChronyVerdict::refused;
    return out;
  }
  if (reply != kReplyTracking) return out;
  if (const auto tracking = read_tracking(in)) {
    out.tracking = *tracking;
    out.verdict = ChronyVerdict::ok;
  }
  return out;
}

}  // namespace flagfall::wire
