#include "common/dns/rate_limit.hh"

namespace flagfall::dns {
namespace {

/// An answer makes its network's bucket less than full for one token's time, and a loop answers no more than
/// this in a second with its sockets.
constexpr double kMostAnswers = 500'000;

double most_busy(const RateLimit::Options& options, const TokenBucket& bucket) {
  if (options.network.rate <= 0) return 0;
  return options.network.burst + kMostAnswers * static_cast<double>(bucket.cost().count()) * 1e-9;
}

}  // namespace

RateLimit::RateLimit(const Options& options, Random& random)
    : limit_(options.network),
      limited_(options.network.rate > 0),
      slip_(options.slip),
      bucket_(options.network),
      hash_(options.prefix_v4, options.prefix_v6, random),
      networks_(most_busy(options, bucket_)) {}

void RateLimit::use(const Options& options) {
  if (options.slip != slip_) since_slip_ = 0;
  slip_ = options.slip;
  if (options.network.rate == limit_.rate && options.network.burst == limit_.burst) return;
  limit_ = options.network;
  limited_ = limit_.rate > 0;
  bucket_ = TokenBucket(limit_);
  networks_ = BucketTable(most_busy(options, bucket_));
}

RateLimit::Verdict RateLimit::judge(const IpAddress& client, MonoTime now) noexcept {
  if (!limited_) return Verdict::answer;
  MonoTime* const full_at = networks_.find(hash_(client), now);
  // A full set is a flood from more networks than the table has: they share the fate of being limited.
  if (full_at != nullptr && bucket_.may_take(*full_at, now)) {
    *full_at = bucket_.take(*full_at, now);
    return Verdict::answer;
  }
  if (slip_ == 0) return Verdict::drop;
  const bool cut = since_slip_ == 0;
  since_slip_ = (since_slip_ + 1) % slip_;
  return cut ? Verdict::truncate : Verdict::drop;
}

}  // namespace flagfall::dns
