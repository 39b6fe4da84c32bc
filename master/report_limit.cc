#include "master/report_limit.hh"

#include "common/base/units.hh"

namespace flagfall::master {

// A report keeps its client's bucket from being full for a twentieth of a second: so many can be at once.
ReportLimit::ReportLimit(Random& random)
    : hash_(random), clients_(kAll.burst + kAll.rate * in_s(TokenBucket(kClient).cost())) {}

bool ReportLimit::take(const IpAddress& client, MonoTime now) noexcept {
  if (!all_.may_take(all_full_at_, now)) return false;
  const IpAddress network = client.family == Family::v4 ? client : masked(client, 64);
  MonoTime* const full_at = clients_.find(hash_.finish(hash_.mix(hash_.start(), network.bytes())), now);
  if (full_at == nullptr || !client_.may_take(*full_at, now)) return false;
  *full_at = client_.take(*full_at, now);
  all_full_at_ = all_.take(all_full_at_, now);
  return true;
}

}  // namespace flagfall::master
