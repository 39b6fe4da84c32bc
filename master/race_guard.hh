// Keeps races from being an amplifier: one query becomes N answers to an
// address that nobody verified, so races are paid for from token buckets, per
// client network and in total. Sources with a valid DNS cookie are verified and
// have buckets of their own. Pure; one object a loop, one owner thread.
//
// Steering gives every client network to one loop (common/net/steering.hh), so
// the network's bucket is exact; the total is split evenly over the loops.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/bucket_table.hh"
#include "common/base/network_hash.hh"
#include "master/fallback.hh"

namespace flagfall::master {

struct GuardOptions {
  enum class Unverified : std::uint8_t { budget, never } unverified = Unverified::budget;
  unsigned prefix_v4 = 24;
  unsigned prefix_v6 = 56;
  BucketLimit total{1000, 2000};
  BucketLimit prefix{5, 20};
  BucketLimit verified_total{10000, 20000};
  BucketLimit verified_prefix{500, 1000};
};

class RaceGuard {
 public:
  /// `loops`: how many guards share the totals.
  RaceGuard(const GuardOptions& options, unsigned loops, Random& random);

  /// Pays for one race; nothing when it may start, else why not (and nothing was taken).
  std::optional<Fallback> take(const IpAddress& client, bool verified, MonoTime now) noexcept;

  /// About how many client networks have spent something that has not come back yet.
  [[nodiscard]] std::size_t tracked(MonoTime now);

 private:
  struct Pool {
    Pool(const BucketLimit& total_limit, const BucketLimit& prefix_limit);
    TokenBucket total;
    TokenBucket prefix;
    BucketTable prefixes;
    MonoTime total_full_at;
  };
  GuardOptions::Unverified unverified_;
  NetworkHash hash_;
  Pool budget_;
  Pool verified_;
};

}  // namespace flagfall::master
