// Which beacons were issued lately, and which of them have been asked for: each
// counts once, and only for a while. A fixed table; pure, one owner, no allocation
// after construction. A full set forgets its oldest: that race gets no verdict.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/wire/session.hh"

namespace flagfall::slave {

/// An answer with this race's label is on its way to a client.
struct IssuedBeacon {
  std::uint64_t race = 0;
  MonoTime due;               // the instant, by our clock
  std::uint32_t service = 0;  // service_tag()
  std::uint32_t session = 0;
  std::uint16_t link = 0;  // which master's race
  IpAddress client;
};

/// A win to be reported to that master, in that session.
struct BeaconWin {
  std::uint16_t link = 0;
  std::uint32_t session = 0;
  wire::BeaconWin win;
};

class BeaconBook {
 public:
  /// A resolver follows a CNAME at once; unbound and BIND ask again for a second or two when nothing comes.
  /// What is asked later is a cache that refreshes itself, or somebody who reads logs.
  static constexpr Nanos kCounts = std::chrono::seconds(3);

  /// `room`: beacons of kCounts at once, about.
  explicit BeaconBook(std::size_t room);

  void issued(const IssuedBeacon& beacon);

  enum class Asked : std::uint8_t {
    win,      // `out` is to be reported
    again,    // it counted already
    late,     // longer than kCounts after the instant
    early,    // before the instant: nobody can have it from our answer
    unknown,  // not issued, or forgotten
  };
  /// For a label whose MAC is right. `from`: who asks.
  Asked asked(std::uint64_t race, std::uint32_t service, const IpAddress& from, MonoTime now, BeaconWin& out);

 private:
  static constexpr std::size_t kWays = 4;
  struct Slot {
    IssuedBeacon beacon;
    bool used = false;   // holds one
    bool asked = false;  // that has counted
  };
  [[nodiscard]] Slot* set_of(std::uint64_t race);
  std::vector<Slot> slots_;
};

}  // namespace flagfall::slave
