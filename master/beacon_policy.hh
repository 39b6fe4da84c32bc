// Which races run with beacons: a sample, or those of client networks without a
// verdict. Pure; one object a request loop; no allocation after construction.
#pragma once

#include "common/base/bucket_table.hh"
#include "common/base/random.hh"
#include "master/beacon_wish.hh"
#include "master/known_networks.hh"

namespace flagfall::master {

class BeaconPolicy {
 public:
  /// `known` outlives the policy; null: nothing is.
  BeaconPolicy(const KnownNetworks* known, Random& random);

  /// Whether a race that is about to start shall be one. `final_client`: the question asked for recursion, so
  /// it comes from a stub or a forwarder, which takes a CNAME for the end of it and would be left without
  /// an address.
  bool take(const BeaconWish& wish, std::uint16_t service, const IpAddress& client, bool final_client,
            MonoTime now) noexcept;

 private:
  const KnownNetworks* known_;
  SeededRandom lots_;
  SeededHash hash_;
  TokenBucket tries_;
  BucketTable tried_;
};

}  // namespace flagfall::master
