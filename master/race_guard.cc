#include "master/race_guard.hh"

namespace flagfall::master {
namespace {

/// A race makes its network's bucket less than full for one token's time, and
/// the total bounds how many races there are in such a time.
double most_busy(const BucketLimit& total, const TokenBucket& prefix) {
  const double token_s = static_cast<double>(prefix.cost().count()) * 1e-9;
  return std::max(total.burst, 1.0) + total.rate * token_s;
}

}  // namespace

RaceGuard::Pool::Pool(const BucketLimit& total_limit, const BucketLimit& prefix_limit)
    : total(total_limit), prefix(prefix_limit), prefixes(most_busy(total_limit, prefix)) {}

RaceGuard::RaceGuard(const GuardOptions& options, unsigned loops, Random& random)
    : unverified_(options.unverified),
      hash_(options.prefix_v4, options.prefix_v6, random),
      budget_(options.total.share(loops), options.prefix),
      verified_(options.verified_total.share(loops), options.verified_prefix) {}

std::optional<Fallback> RaceGuard::take(const IpAddress& client, bool verified, MonoTime now) noexcept {
  if (!verified && unverified_ == GuardOptions::Unverified::never) return Fallback::unverified_never;
  Pool& pool = verified ? verified_ : budget_;
  if (!pool.total.may_take(pool.total_full_at, now)) return Fallback::guard_total;
  MonoTime* const network = pool.prefixes.find(hash_(client), now);
  if (network == nullptr) return Fallback::guard_table;
  if (!pool.prefix.may_take(*network, now)) return Fallback::guard_prefix;
  *network = pool.prefix.take(*network, now);
  pool.total_full_at = pool.total.take(pool.total_full_at, now);
  return std::nullopt;
}

std::size_t RaceGuard::tracked(MonoTime now) {
  return budget_.prefixes.busy(now) + verified_.prefixes.busy(now);
}

}  // namespace flagfall::master
