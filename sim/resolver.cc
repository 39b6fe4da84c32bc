#include "sim/resolver.hh"

#include <algorithm>
#include <numeric>

namespace flagfall::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = ResolverStyle::Kind;

/// glibc's RES_TIMEOUT.
constexpr Nanos kStub = seconds(5);

/// BIND 9.18: resolver-retry-interval for the first three rounds, doubled from round to round after them,
/// and resolver-query-timeout for the whole.
constexpr Nanos kBind = milliseconds(800);
constexpr unsigned kBindPlain = 3;
constexpr Nanos kBindAll = seconds(10);

/// unbound 1.17: servers within this of the best one are as good; so often each is tried
/// (outbound-msg-retry), so often all (max-sent-count), and so long at most is one waited for that was silent
/// for long (PROBE_MAXRTO). A time-out below 5 s is followed by the same query once more, with a smaller EDNS
/// size, which counts as the same try.
constexpr Nanos kBand = milliseconds(400);
constexpr unsigned kAttempts = 5;
constexpr unsigned kMostSent = 32;
constexpr Nanos kProbe = seconds(12);
constexpr Nanos kNoMoreFragments = seconds(5);
/// util/rtt.c.
constexpr std::int64_t kLeastRto = 50, kMostRto = 120'000;

}  // namespace

const std::vector<ResolverStyle> kResolverStyles = {
    {.name = "stub", .hears_icmp = true},
    {.name = "stub with EDNS", .rounds = 3, .edns = true, .hears_icmp = true},
    {.name = "unbound", .kind = Kind::unbound, .new_port = true, .edns = true, .caches = true},
    {.name = "unbound, 0x20",
     .kind = Kind::unbound,
     .new_port = true,
     .edns = true,
     .mixed_case = true,
     .caches = true},
    {.name = "bind",
     .kind = Kind::bind,
     .new_port = true,
     .edns = true,
     .cookies = true,
     .caches = true,
     .hears_icmp = true},
};

void RoundTrips::answered(Nanos round_trip) {
  std::int64_t delta = round_trip / milliseconds(1) - smoothed_;
  smoothed_ += delta / 8;
  delta = std::max(delta, -delta);
  variance_ += (delta - variance_) / 4;
  timeout_ = std::clamp(smoothed_ + 4 * variance_, kLeastRto, kMostRto);
}

void RoundTrips::lost(Nanos waited) {
  const std::int64_t before = waited / milliseconds(1);
  if (timeout_ < before) return;  // it has answered meanwhile
  timeout_ = std::max(timeout_, std::min(before * 2, kMostRto));
}

std::optional<Try> Tries::next(std::span<const RoundTrips> known, Nanos gone, Random& random) {
  std::optional<Try> out;
  switch (style_->kind) {
    case Kind::stub:
      if (count_ < style_->rounds * sent_.size()) out = {(first_ + count_) % sent_.size(), kStub};
      break;
    case Kind::bind:
      out = next_of_bind(gone);
      break;
    case Kind::unbound:
      out = next_of_unbound(known, random);
      break;
  }
  if (out) {
    ++sent_[out->server];
    ++count_;
  }
  return out;
}

/// Server by server, round by round; one whose port was closed is not asked again.
std::optional<Try> Tries::next_of_bind(Nanos gone) {
  if (gone >= kBindAll) return std::nullopt;
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < sent_.size(); ++i) {
    const std::size_t server = (first_ + i) % sent_.size();
    if (!bad_[server] && (!best || sent_[server] < sent_[*best])) best = server;
  }
  if (!best) return std::nullopt;
  const unsigned round = sent_[*best];
  const Nanos wait = round < kBindPlain ? kBind : kBind * (1U << std::min(round - kBindPlain + 1, 8U));
  return Try{*best, std::min(wait, kBindAll - gone)};
}

std::optional<Try> Tries::next_of_unbound(std::span<const RoundTrips> known, Random& random) {
  if (again_) {
    const Try out = *again_;
    again_.reset();
    --sent_[out.server];  // no attempt of its own
    return out;
  }
  if (std::accumulate(sent_.begin(), sent_.end(), 0U) >= kMostSent) return std::nullopt;
  const auto usable = [&](std::size_t i) { return sent_[i] < kAttempts; };
  std::optional<Nanos> best;
  for (std::size_t i = 0; i < sent_.size(); ++i)
    if (usable(i)) best = std::min(best.value_or(Nanos::max()), known[i].timeout());
  if (!best) return std::nullopt;
  std::vector<std::size_t> among;
  for (std::size_t i = 0; i < sent_.size(); ++i)
    if (usable(i) && known[i].timeout() <= *best + kBand) among.push_back(i);
  const std::size_t server = among[random.next() % among.size()];
  const Try out{server, std::min(known[server].timeout(), kProbe)};
  if (out.timeout < kNoMoreFragments) again_ = out;
  return out;
}

Schedule silent_schedule(const ResolverStyle& style, std::size_t servers, std::uint64_t seed) {
  SeededRandom random(seed);
  std::vector<RoundTrips> known(servers);
  Tries tries(style, servers, 0);
  Schedule out;
  while (const auto next = tries.next(known, out.gives_up, random)) {
    out.tries.push_back(out.gives_up);
    out.gives_up += next->timeout;
    known[next->server].lost(next->timeout);
  }
  return out;
}

}  // namespace flagfall::sim
