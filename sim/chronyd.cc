#include "sim/chronyd.hh"

#include <cmath>

namespace flagfall::sim {
namespace {

/// candm.h of chrony 4.3: REPLY TRACKING is 5, in answer to command 33.
constexpr std::uint8_t kVersion = 6, kReply = 2;
constexpr std::uint16_t kTracking = 33, kReplyTracking = 5;

/// How fast a clock can run away from its estimate beyond the skew: a part of
/// every dispersion (chronyd's maxclockerror, 1 ppm).
constexpr std::int64_t kMaxClockErrorPpb = 1000;

/// chronyd's 32-bit float: 7 bits of exponent, 25 of coefficient, both signed.
std::uint32_t chrony_float(Nanos value) {
  const double seconds = static_cast<double>(value.count()) * 1e-9;
  if (seconds == 0) return 0;
  int exponent = 0;
  const double mantissa = std::frexp(seconds, &exponent);
  const auto coefficient = static_cast<std::int32_t>(std::lround(mantissa * 0x1p24));
  return (static_cast<std::uint32_t>(exponent + 1) << 25) |
         (static_cast<std::uint32_t>(coefficient) & 0x1ffffffU);
}

Nanos grown(Nanos age, std::int64_t ppb) {
  return Nanos(age.count() / 1000 * ppb / 1'000'000);
}

}  // namespace

void Chronyd::measure(const HostClock& clock, RefTime now, RefTime reference) {
  const Nanos truth = reference.time_since_epoch() - clock.real(now).time_since_epoch();
  const auto uniform = [&](std::int64_t most) {  // -most..most
    return static_cast<std::int64_t>(random_.next() % static_cast<std::uint64_t>(2 * most + 1)) - most;
  };
  correction_ = truth + Nanos(uniform(quality_.error.count()));
  drift_ppb_ = -clock.ppb() + uniform(quality_.skew_ppb);
  when_ = now;
  reference_time_ = clock.real(now);
  measured_ = true;
}

std::vector<std::uint8_t> Chronyd::answer(Bytes request, RefTime now) const {
  ByteReader in(request);
  const std::uint8_t version = in.u8();
  in.skip(3);
  const std::uint16_t command = in.u16();
  in.skip(2);
  const std::uint32_t sequence = in.u32();
  if (!in.ok() || version != kVersion || command != kTracking || request.size() < wire::kChronyRequest)
    return {};

  const Nanos age = now - when_;
  std::vector<std::uint8_t> out(wire::kChronyTrackingReply);
  ByteWriter w(out);
  w.u8(kVersion);
  w.u8(kReply);
  w.u16(0);
  w.u16(kTracking);
  w.u16(kReplyTracking);
  for (int i = 0; i < 4; ++i) w.u16(0);  // status: good
  w.u32(sequence);
  w.u64(0);
  w.u32(0x7f7f0101);
  for (int i = 0; i < 5; ++i) w.u32(0);
  w.u16(measured_ ? 2 : 0);
  w.u16(static_cast<std::uint16_t>(measured_ ? leap_status_ : wire::ChronyLeap::unsynchronised));
  const Nanos reference = reference_time_.time_since_epoch();
  w.u32(0);
  w.u32(static_cast<std::uint32_t>(reference / std::chrono::seconds(1)));
  w.u32(static_cast<std::uint32_t>((reference % std::chrono::seconds(1)).count()));
  w.u32(chrony_float(correction_ + grown(age, drift_ppb_)));
  for (int i = 0; i < 5; ++i) w.u32(0);  // last and RMS offset, frequency, residual, skew
  w.u32(chrony_float(quality_.error * 2));
  w.u32(chrony_float(Nanos(1000) + grown(age, quality_.skew_ppb + quality_.wander_ppb + kMaxClockErrorPpb)));
  w.u32(0);
  return out;
}

}  // namespace flagfall::sim
