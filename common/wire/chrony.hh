// chronyd's monitoring protocol, version 6: the TRACKING request and its reply
// (candm.h of chrony 4.3, the same in later releases). Pure and total.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/bytes.hh"
#include "common/base/time.hh"

namespace flagfall::wire {

/// A request must be as long as the longest reply to it, or chronyd refuses it (no amplification).
inline constexpr std::size_t kChronyRequest = 104;
inline constexpr std::size_t kChronyReplyHeader = 28;
inline constexpr std::size_t kChronyTrackingReply = 104;

enum class ChronyLeap : std::uint16_t { normal = 0, insert = 1, remove = 2, unsynchronised = 3 };

/// What TRACKING says of the system clock, at the moment chronyd made the reply.
struct ChronyTracking {
  std::uint32_t reference = 0;  // ref_id
  std::uint16_t stratum = 0;    // 0: none
  ChronyLeap leap = ChronyLeap::unsynchronised;
  Nanos reference_time{};  // of the last clock update, since the Unix epoch
  Nanos correction{};      // true time minus CLOCK_REALTIME ("System time")
  Nanos rms_offset{};      // of late measurements: their spread, no bound
  Nanos root_delay{};
  Nanos root_dispersion{};
  double frequency_ppm = 0;  // of the local clock; positive: it is fast
  double skew_ppm = 0;       // the frequency's error
};

enum class ChronyVerdict : std::uint8_t {
  ok,         // `tracking` is filled
  refused,    // a well-formed reply with an error in `status`
  malformed,  // not a reply to TRACKING of this protocol, or absurd figures
};

struct ChronyReply {
  ChronyVerdict verdict = ChronyVerdict::malformed;
  std::uint16_t status = 0;    // 0 good, 2 unauthorised, 18 bad version, 19 bad length
  std::uint32_t sequence = 0;  // the request's; check it before believing anything
  ChronyTracking tracking;
};

/// `sequence` should be hard to guess; `attempt` counts repetitions of one request.
std::array<std::uint8_t, kChronyRequest> encode_tracking_request(std::uint32_t sequence,
                                                                 std::uint16_t attempt);

/// Any bytes. Negative delay or dispersion, and times that nanoseconds of 64 bits cannot hold, are malformed.
ChronyReply parse_tracking_reply(Bytes datagram) noexcept;

/// chronyd's 32-bit float: a signed 7-bit exponent, then a signed 25-bit
/// coefficient; value = coefficient * 2^(exponent - 25). Always finite.
double decode_chrony_float(std::uint32_t bits) noexcept;

}  // namespace flagfall::wire
