// Token buckets once more, the plain way: a level that grows with time. The
// judge's own, so that a mistake in the product's cannot hide behind itself.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/base/token_bucket.hh"
#include "master/race_guard.hh"

namespace flagfall::sim {

class Budget {
 public:
  Budget() = default;
  explicit Budget(const BucketLimit& limit) : limit_(limit), level_(std::max(limit.burst, 1.0)) {}
  /// False when it was empty. Forgives what host clocks err by (500 ppm) and rounding.
  bool take(RefTime now) {
    level_ = level(now);
    started_ = true;
    last_ = now;
    if (level_ < 0.99) return false;
    level_ = std::max(level_ - 1, 0.0);
    return true;
  }
  [[nodiscard]] double level(RefTime now) const {
    if (!started_) return level_;
    const double gone = static_cast<double>((now - last_).count()) * 1e-9;
    return std::min(std::max(limit_.burst, 1.0), level_ + gone * limit_.rate * 1.0005);
  }

 private:
  BucketLimit limit_;
  double level_ = 0;
  bool started_ = false;
  RefTime last_;
};

/// What the race guard promises to stay within: one process of a master.
class GuardBudget {
 public:
  GuardBudget() = default;
  explicit GuardBudget(const master::GuardOptions& options)
      : options_(options), total_(options.total), verified_total_(options.verified_total) {}

  /// Nothing, or whose limit the race exceeds.
  std::optional<const char*> race(const IpAddress& client, bool verified, RefTime now) {
    using Unverified = master::GuardOptions::Unverified;
    if (!verified && options_.unverified == Unverified::never) return "races for unverified sources are off";
    if (!(verified ? verified_total_ : total_).take(now)) return "the total";
    const unsigned length = client.family == Family::v4 ? options_.prefix_v4 : options_.prefix_v6;
    const auto [at, fresh] = prefixes_.try_emplace({masked(client, length), verified},
                                                   verified ? options_.verified_prefix : options_.prefix);
    if (!at->second.take(now)) return "the client network's";
    return std::nullopt;
  }

 private:
  master::GuardOptions options_;
  Budget total_, verified_total_;
  std::map<std::pair<IpAddress, bool>, Budget> prefixes_;
};

/// How often one process of a master leads clients to beacons where only networks without a verdict shall be.
class BeaconBudget {
 public:
  BeaconBudget() = default;
  explicit BeaconBudget(const master::GuardOptions& networks) : networks_(networks) {}

  /// Nothing, or why it may not.
  std::optional<const char*> race(std::size_t service, const IpAddress& client, RefTime now) {
    const Key key = this->key(service, client);
    if (known_.contains(key)) return "and has a verdict for that network";
    // Three at once, and one in ten seconds.
    if (!tries_.try_emplace(key, BucketLimit{0.1, 3}).first->second.take(now))
      return "too often for its network";
    return std::nullopt;
  }
  void verdict(std::size_t service, const IpAddress& client) { known_.insert(key(service, client)); }

 private:
  using Key = std::pair<std::size_t, IpAddress>;
  [[nodiscard]] Key key(std::size_t service, const IpAddress& client) const {
    return {service, masked(client, client.family == Family::v4 ? networks_.prefix_v4 : networks_.prefix_v6)};
  }
  master::GuardOptions networks_;
  std::map<Key, Budget> tries_;
  std::set<Key> known_;
};

}  // namespace flagfall::sim
