// How many reports (POST /client-report) the token for reports alone may bring: a
// client machine that was taken over must not keep the control thread busy. Pure;
// control thread; what it remembers is bounded.
#pragma once

#include "common/base/bucket_table.hh"
#include "common/base/hash.hh"
#include "common/base/ip.hh"
#include "common/base/random.hh"

namespace flagfall::master {

class ReportLimit {
 public:
  /// `flagfall race` sends one request at a time, ten a second with its shortest sensible interval. A request
  /// with 100 races costs the control thread about a millisecond.
  static constexpr BucketLimit kClient{20, 60};
  static constexpr BucketLimit kAll{200, 600};

  explicit ReportLimit(Random& random);
  /// Whether one more of this client's may be taken; an IPv6 client is its /64.
  bool take(const IpAddress& client, MonoTime now) noexcept;

 private:
  SeededHash hash_;
  TokenBucket all_{kAll};
  TokenBucket client_{kClient};
  MonoTime all_full_at_;
  BucketTable clients_;
};

}  // namespace flagfall::master
