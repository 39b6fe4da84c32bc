// Decides which races are run to teach: with two or three slaves only, so that
// the losers' ICMP errors of a race are within what the client's host gives.
// Who teaches with whom is drawn, so that all get their turn with all. Pure; one
// object a loop; nothing allocates after construction. See docs/design/who-won.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bucket_table.hh"
#include "common/base/hash.hh"
#include "common/base/random.hh"
#include "master/race_records.hh"
#include "master/snapshot.hh"

namespace flagfall::master {

struct TeachOptions {
  double share = 0;      // of the races that may; 0: none
  unsigned runners = 2;  // in a race that teaches
};

/// Slaves that a network is known to be near to.
struct KnownSlaves {
  std::optional<std::uint16_t> bound{};
  std::optional<std::uint16_t> next{};  // the second best
  bool doubt = false;                   // the latest evidence is against this, and for the next
  bool learning = false;                // of nobody yet, and a director wants to know
};

class Teaching {
 public:
  Teaching(const TeachOptions& options, Random& random);

  struct Lesson {
    unsigned count = 0;           // so many of `runners` stay, in front
    std::uint8_t echo = kNoEcho;  // and which of them answers twice
  };
  /// `runners` of a race for this client are put into another order when it is to teach; count 0 when it is
  /// not. `most`: answers of one race, the echo included.
  /// `known`: whom the client's network is bound to. Then it teaches whatever the share is, if it is not 0;
  /// that slave runs, more often against the next best than against others (in doubt against it alone), and
  /// without an echo: who won is more than by how much. As long as nothing is in doubt it does so half as
  /// often as the client's host could. A client of which nothing is known teaches with as many slaves as its
  /// host can tell of, without an echo.
  Lesson lesson(std::span<Runner> runners, unsigned most, const IpAddress& client, const KnownSlaves& known,
                MonoTime now) noexcept;

 private:
  /// Errors that the client's host has left, `most` at most; they are taken.
  [[nodiscard]] unsigned take(const IpAddress& client, unsigned most, MonoTime now) noexcept;
  [[nodiscard]] std::uint64_t state_of(const IpAddress& client) const noexcept;
  [[nodiscard]] bool pay(const IpAddress& client, unsigned errors, bool watch, MonoTime now) noexcept;

  TeachOptions options_;
  SeededRandom dice_;
  SeededHash hash_;
  struct Buckets {
    TokenBucket errors;
    TokenBucket watch;
  };
  Buckets v4_;
  Buckets v6_;
  BucketTable clients_;
};

}  // namespace flagfall::master
