#include "master/teaching.hh"

#include <algorithm>
#include <cstring>

namespace flagfall::master {
namespace {

/// What a Linux host sends of such errors to one destination (net/ipv4/icmp.c, XRLIM_BURST_FACTOR and
/// icmp_ratelimit; net/ipv6/icmp.c: 4 to 16 a second where the route to us is a prefix).
constexpr BucketLimit kErrorsV4{1, 6};
constexpr BucketLimit kErrorsV6{10, 6};
/// Share of a bound network's lessons for which the second best is set, and not drawn: most changes are
/// between these two; but a part of the network for which another is the best has no evidence of its own yet.
constexpr double kNext = 0.25;
/// As long as a client's binding is not in doubt it teaches half as fast as its host could. The other half is
/// kept: contradictions, of which three or more rebind, come as fast as its queries and not one a second.
constexpr BucketLimit kWatchV4{0.5, 1};
constexpr BucketLimit kWatchV6{5, 1};
/// Tells a client's two buckets in the one table apart.
constexpr std::uint64_t kWatch = 1;
/// Clients that learn at once; beyond, some do not teach. A bucket is full again after 6 s.
constexpr double kClients = 8192;

}  // namespace

Teaching::Teaching(const TeachOptions& options, Random& random)
    : options_(options),
      dice_(random.next()),
      hash_(random),
      v4_{TokenBucket(kErrorsV4), TokenBucket(kWatchV4)},
      v6_{TokenBucket(kErrorsV6), TokenBucket(kWatchV6)},
      clients_(options.share > 0 ? 2 * kClients : 1) {}

std::uint64_t Teaching::state_of(const IpAddress& client) const noexcept {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), client.octets.data(), sizeof words);
  const std::uint64_t state = hash_.mix(hash_.start(), static_cast<std::uint64_t>(client.family));
  return hash_.mix(hash_.mix(state, words[0]), words[1]);
}

unsigned Teaching::take(const IpAddress& client, unsigned most, MonoTime now) noexcept {
  const TokenBucket& errors = (client.family == Family::v4 ? v4_ : v6_).errors;
  MonoTime* const full_at = clients_.find(hash_.finish(state_of(client)), now);
  unsigned taken = 0;
  for (; full_at != nullptr && taken < most && errors.may_take(*full_at, now); ++taken)
    *full_at = errors.take(*full_at, now);
  return taken;
}

bool Teaching::pay(const IpAddress& client, unsigned errors, bool watch, MonoTime now) noexcept {
  const std::uint64_t state = state_of(client);
  const Buckets& buckets = client.family == Family::v4 ? v4_ : v6_;
  MonoTime* const full_at = clients_.find(hash_.finish(state), now);
  if (full_at == nullptr) return false;
  const MonoTime before_last = std::max(*full_at, now) + buckets.errors.cost() * (errors - 1);
  if (!buckets.errors.may_take(before_last, now)) return false;
  const MonoTime after = buckets.errors.take(before_last, now);
  if (watch) {
    const MonoTime old = *full_at;
    *full_at = after;  // so that its place is not taken for free
    MonoTime* const watched = clients_.find(hash_.finish(hash_.mix(state, kWatch)), now);
    if (watched == nullptr || !buckets.watch.may_take(*watched, now)) {
      *full_at = old;
      return false;
    }
    *watched = buckets.watch.take(*watched, now);
  }
  *full_at = after;
  return true;
}

Teaching::Lesson Teaching::lesson(std::span<Runner> runners, unsigned most, const IpAddress& client,
                                  const KnownSlaves& known, MonoTime now) noexcept {
  Lesson out;
  const unsigned count = std::min(options_.runners, static_cast<unsigned>(runners.size()));
  if (options_.share <= 0 || count < 2) return out;
  const auto draw = [&](unsigned from, unsigned to) {
    for (unsigned i = from; i < to; ++i)
      std::swap(runners[i], runners[i + static_cast<std::size_t>(dice_.next() % (runners.size() - i))]);
  };
  if (known.learning) {
    // A race that its host can tell of in part only would waste what it tells.
    const unsigned errors = take(client, static_cast<unsigned>(runners.size()) - 1, now);
    if (errors == 0) return out;
    out.count = errors + 1;
    draw(0, out.count);
    return out;
  }
  if (!known.bound && dice_.unit() >= options_.share) return out;
  const bool echo = count < most && !known.bound;
  // One error a loser, and one for the echo.
  if (!pay(client, count - 1 + (echo ? 1 : 0), known.bound && !known.doubt, now)) return out;
  unsigned placed = 0;
  const auto place = [&](std::optional<std::uint16_t> slave) {
    if (!slave || placed == count) return;
    const auto at = std::ranges::find(runners.begin() + placed, runners.end(), *slave, &Runner::slave);
    if (at != runners.end()) std::swap(*at, runners[placed++]);
  };
  place(known.bound);
  // In doubt it is the one that the evidence is for: each race of these two counts.
  if (known.doubt || dice_.unit() < kNext) place(known.next);
  draw(placed, count);
  out.count = count;
  if (echo) out.echo = static_cast<std::uint8_t>(dice_.next() % count);
  return out;
}

}  // namespace flagfall::master
