// Token buckets once more, the plain way: a level that grows with time. The
// judge's own, so that a mistake in the product's cannot hide behind itself.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
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

}  // namespace flagfall::sim
