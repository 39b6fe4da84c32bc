#include "master/beacon_policy.hh"

namespace flagfall::master {
namespace {

/// A network that gives no verdict (its resolver asks from elsewhere, say) is tried ever again, not always.
constexpr BucketLimit kTries{0.1, 3};
constexpr double kBusy = 8192;

}  // namespace

BeaconPolicy::BeaconPolicy(const KnownNetworks* known, Random& random)
    : known_(known), lots_(random.next()), hash_(random), tries_(kTries), tried_(kBusy) {}

bool BeaconPolicy::take(const BeaconWish& wish, std::uint16_t service, const IpAddress& client,
                        bool final_client, MonoTime now) noexcept {
  if (final_client) return false;
  if (wish.sample > 0 && lots_.unit() < wish.sample) return true;
  if (!wish.unknown || known_ == nullptr || known_->knows(service, client, now)) return false;
  // By network, as what is known: forged sources of one would fill the table.
  const IpAddress network = known_->network(client);
  MonoTime* const full_at =
      tried_.find(hash_.finish(hash_.mix(hash_.mix(hash_.start(), service), network.bytes())), now);
  if (full_at == nullptr || !tries_.may_take(*full_at, now)) return false;
  *full_at = tries_.take(*full_at, now);
  return true;
}

}  // namespace flagfall::master
