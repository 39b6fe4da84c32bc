// When resolvers ask again, and whom: glibc's stub, BIND and unbound, as their
// sources and a silent server in the lab say (tests/system/schedule_test.py).
// Pure: a look-up's tries come out, and whether they were answered goes in.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/base/random.hh"
#include "common/base/time.hh"

namespace flagfall::sim {

struct ResolverStyle {
  enum class Kind : std::uint8_t { stub, bind, unbound };
  const char* name = "stub";
  Kind kind = Kind::stub;
  unsigned rounds = 2;    // of a stub: how often it asks each server
  bool new_port = false;  // and a new id, for every try
  bool edns = false;
  bool cookies = false;
  bool mixed_case = false;
  bool caches = false;
  /// An ICMP error ends a try: its socket is connected, and it looks at errors.
  bool hears_icmp = false;
};

/// glibc's stub, unbound and BIND, in some configurations.
extern const std::vector<ResolverStyle> kResolverStyles;

/// What unbound remembers of a server's round trips (util/rtt.c), in whole milliseconds.
class RoundTrips {
 public:
  [[nodiscard]] Nanos timeout() const { return std::chrono::milliseconds(timeout_); }
  void answered(Nanos round_trip);
  /// It did not answer for `waited`, which was its time-out then.
  void lost(Nanos waited);

 private:
  // An unknown server: 376 ms.
  std::int64_t smoothed_ = 0, variance_ = 94, timeout_ = 376;
};

struct Try {
  std::size_t server = 0;
  Nanos timeout{};
};

/// One look-up's.
class Tries {
 public:
  /// `first`: the server that a stub or BIND asks first.
  Tries(const ResolverStyle& style, std::size_t servers, std::size_t first)
      : style_(&style), sent_(servers), bad_(servers), first_(first) {}

  /// The next one, so long after the look-up's start; nothing when it gives up.
  std::optional<Try> next(std::span<const RoundTrips> known, Nanos gone, Random& random);
  /// This server's port is closed.
  void refused(std::size_t server) { bad_[server] = true; }

 private:
  std::optional<Try> next_of_bind(Nanos gone);
  std::optional<Try> next_of_unbound(std::span<const RoundTrips> known, Random& random);

  const ResolverStyle* style_;
  std::vector<unsigned> sent_;  // by server; unbound's pairs count once
  std::vector<bool> bad_;
  std::size_t first_;
  std::size_t count_ = 0;     // of all tries
  std::optional<Try> again_;  // unbound: once more, at once after its time-out
};

struct Schedule {
  std::vector<Nanos> tries;  // since the first one
  Nanos gives_up{};
};
/// Of a look-up that knows nothing, with servers that say nothing.
Schedule silent_schedule(const ResolverStyle& style, std::size_t servers, std::uint64_t seed);

}  // namespace flagfall::sim
