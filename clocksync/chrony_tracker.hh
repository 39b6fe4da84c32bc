// Makes a RefMap from chronyd's TRACKING replies: request bytes out, reply bytes
// and clock readings in. Pure: no socket, no clock, no randomness of its own.
//
// Bound = root dispersion + root delay/2. The correction is applied, so it is no
// part of the bound (facts: with `chronyd -x` as without it). A map that a later
// one contradicts by more than their bounds was not what it claimed: something
// slews or steps the clock faster than a crystal drifts, and until two maps in a
// row agree again the status is unknown.
//
// Who sets CLOCK_REALTIME behind chronyd's back (`date -s`, a hypervisor's tool)
// makes its correction wrong by as much until it measures anew, and it does not
// know (it looks for jumps of 10 s and more). We see every jump, since
// CLOCK_MONOTONIC has none: a jump that the correction does not undo makes all
// replies worthless until their reference time is another. At boot, chronyd's
// first measurement steps the clock: that jump is as large as its RMS offset.
//
// Whether a leap second was made, by the kernel or by chronyd, nobody says: a
// `chronyd -x` that may not step the clock takes the leap for made until its next
// update (seen with chrony 4.3). So a reply must be of a measurement after the last
// midnight, unless it is known that no leap second was announced for that.
#pragma once

#include <optional>

#include "clocksync/ref_clock.hh"
#include "common/base/counters.hh"
#include "common/wire/chrony.hh"

namespace flagfall::clocksync {

/// Written by the tracker's thread, read by any.
struct ChronyCounters {
  Counter requests;
  Counter replies;       // good ones
  Counter timeouts;      // polls without a usable reply in time
  Counter malformed;     // not a TRACKING reply, or absurd
  Counter foreign;       // a sequence number that is not the open request's: late, duplicate or forged
  Counter refused;       // chronyd said no (cmdallow, version)
  Counter stepped;       // CLOCK_REALTIME was set during the exchange: sample dropped
  Counter stale;         // good ones that speak of a clock that was set since
  Counter contradicted;  // samples that the map before them did not allow for
  /// f(name, counter) for each.
  template <class F>
  void for_each(F f) const;
};

/// CLOCK_MONOTONIC with REALTIME minus MONOTONIC beside it.
struct ClockPair {
  MonoTime mono;
  RealMinusMono real_minus_mono;
};

class ChronyTracker {
 public:
  struct Options {
    Nanos poll = std::chrono::seconds(1);
    /// Polls in a row without a usable reply after which the map is free-running, then unknown.
    unsigned free_running_after = 1;
    unsigned unknown_after = 3;
    /// How much of the root delay may well be one way's alone, 0 to 1: enters the expected error.
    double asymmetry = 0.05;
    std::string name = "chronyd";  // for `why`: "chronyd at 127.0.0.1:323"
  };
  explicit ChronyTracker(Options options);

  /// A request's bytes, to be sent right after `now` was read. Replaces a request that is still open.
  std::array<std::uint8_t, wire::kChronyRequest> request(const ClockPair& now, std::uint32_t sequence);
  /// A datagram that came; `now` was read right after it. True: the map is new.
  bool reply(Bytes datagram, const ClockPair& now);
  /// The open request found no reply, or could not even be sent (`why` says so). True: the map's status
  /// changed.
  bool missed(const std::string& why);

  [[nodiscard]] const RefMap& map() const { return map_; }
  [[nodiscard]] bool waiting() const { return open_.has_value(); }
  /// How long to wait from one request to the next: `poll`; shorter until the
  /// first maps agree, longer (to four polls) while chronyd is silent.
  [[nodiscard]] Nanos interval() const;
  /// How long a reply may take.
  [[nodiscard]] Nanos patience() const;
  [[nodiscard]] const ChronyCounters& counters() const { return counters_; }

 private:
  struct Open {
    std::uint32_t sequence;
    ClockPair sent;
  };
  /// What is known of CLOCK_REALTIME from the newest good reply, or from the first request.
  struct Seen {
    RealMinusMono pair;
    std::optional<Nanos> reference_time;  // of the newest synchronised one
    bool synchronised = false;
  };
  /// The UTC day of the newest good reply, and whether a leap second was announced for its end.
  struct Heard {
    std::chrono::days day;
    bool leap_pending;
  };
  bool set_unknown(std::string why);
  void take(RefMap next);
  /// By how much CLOCK_REALTIME was set in between; 0: it was not.
  static Nanos jump(const Seen& seen, const RealMinusMono& pair);
  /// A reply to which CLOCK_REALTIME stood like this, and which makes the offset `offset`, may not know that
  /// the clock was set.
  [[nodiscard]] bool set_behind_its_back(const RealMinusMono& pair, Nanos offset,
                                         const wire::ChronyTracking& tracking) const;
  /// A reply of `now` whose newest measurement is of `measured` may be from before a leap second: that was
  /// before the last midnight, and nobody has heard on the day before that none would come.
  bool from_before_leap(bool pending, RefTime measured, RefTime now);

  Options options_;
  ChronyCounters counters_;
  RefMap map_;
  std::optional<RefMap> last_;  // the newest sample, believed or not
  std::optional<Seen> seen_;
  std::optional<Nanos> stale_;  // a reference time that is not to be believed
  std::optional<Heard> heard_;
  std::optional<Open> open_;
  std::uint16_t attempt_ = 0;
  unsigned missed_ = 0;
};

template <class F>
void ChronyCounters::for_each(F f) const {
  f("chrony_requests", requests);
  f("chrony_replies", replies);
  f("chrony_timeouts", timeouts);
  f("chrony_malformed", malformed);
  f("chrony_foreign", foreign);
  f("chrony_refused", refused);
  f("chrony_stepped", stepped);
  f("chrony_stale", stale);
  f("chrony_contradicted", contradicted);
}

}  // namespace flagfall::clocksync
