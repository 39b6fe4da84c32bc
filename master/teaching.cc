#include "master/teaching.hh"

#include <algorithm>
#include <cstring>

namespace flagfall::master {
namespace {

/// What a Linux host sends of such errors to one destination (net/ipv4/icmp.c, XRLIM_BURST_FACTOR and
/// icmp_ratelimit; net/ipv6/icmp.c: 4 to 16 a second where the route to us is a prefix).
constexpr BucketLimit kErrorsV4{1, 6};
constexpr BucketLimit kErrorsV6{10, 6};
/// Share of a bound network's lessons in which the second best runs: most changes are between these two.
constexpr double kNext = 0.5;
/// Clients that learn at once; beyond, some do not teach. A bucket is full again after 6 s.
constexpr double kClients = 8192;

}  // namespace

Teaching::Teaching(const TeachOptions& options, Random& random)
    : options_(options),
      dice_(random.next()),
      hash_(random),
      v4_(kErrorsV4),
      v6_(kErrorsV6),
      clients_(options.share > 0 ? kClients : 1) {}

bool Teaching::pay(const IpAddress& client, unsigned errors, MonoTime now) noexcept {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), client.octets.data(), sizeof words);
  const std::uint64_t state = hash_.mix(hash_.start(), static_cast<std::uint64_t>(client.family));
  MonoTime* const full_at = clients_.find(hash_.finish(hash_.mix(hash_.mix(state, words[0]), words[1])), now);
  const TokenBucket& bucket = client.family == Family::v4 ? v4_ : v6_;
  if (full_at == nullptr) return false;
  const MonoTime before_last = std::max(*full_at, now) + bucket.cost() * (errors - 1);
  if (!bucket.may_take(before_last, now)) return false;
  *full_at = bucket.take(before_last, now);
  return true;
}

Teaching::Lesson Teaching::lesson(std::span<Runner> runners, unsigned most, const IpAddress& client,
                                  const KnownSlaves& known, MonoTime now) noexcept {
  Lesson out;
  const unsigned count = std::min(options_.runners, static_cast<unsigned>(runners.size()));
  if (options_.share <= 0 || count < 2) return out;
  if (!known.bound && dice_.unit() >= options_.share) return out;
  const bool echo = count < most && !known.bound;
  // One error a loser, and one for the echo.
  if (!pay(client, count - 1 + (echo ? 1 : 0), now)) return out;
  unsigned placed = 0;
  const auto place = [&](std::optional<std::uint16_t> slave) {
    if (!slave || placed == count) return;
    const auto at = std::ranges::find(runners.begin() + placed, runners.end(), *slave, &Runner::slave);
    if (at != runners.end()) std::swap(*at, runners[placed++]);
  };
  place(known.bound);
  if (dice_.unit() < kNext) place(known.next);
  for (unsigned i = placed; i < count; ++i)
    std::swap(runners[i], runners[i + static_cast<std::size_t>(dice_.next() % (runners.size() - i))]);
  out.count = count;
  if (echo) out.echo = static_cast<std::uint8_t>(dice_.next() % count);
  return out;
}

}  // namespace flagfall::master
