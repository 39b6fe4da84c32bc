#include "sim/host_clock.hh"

namespace flagfall::sim {
namespace {

__extension__ using Wide = __int128;
constexpr std::int64_t kBillion = 1'000'000'000;

/// a * b / c, rounded down.
std::int64_t scaled(std::int64_t a, std::int64_t b, std::int64_t c) {
  const Wide product = static_cast<Wide>(a) * b;
  const Wide quotient = product / c;
  return static_cast<std::int64_t>(product % c < 0 ? quotient - 1 : quotient);
}

}  // namespace

HostClock::HostClock(RefTime start, Nanos uptime, Nanos wrong, std::int64_t ppb)
    : base_(start),
      mono_at_base_(uptime),
      real_minus_mono_(start.time_since_epoch() + wrong - uptime),
      ppb_(ppb) {}

MonoTime HostClock::mono(RefTime truth) const {
  const Nanos gone = truth - base_;
  return mono_at_base_ + gone + Nanos(scaled(gone.count(), ppb_, kBillion));
}

RefTime HostClock::truth(MonoTime when) const {
  const Nanos counted = when - mono_at_base_;
  RefTime t = base_ + Nanos(scaled(counted.count(), kBillion, kBillion + ppb_));
  while (mono(t) >= when) t -= Nanos(1);
  while (mono(t) < when) t += Nanos(1);
  return t;
}

void HostClock::set_rate(RefTime now, std::int64_t ppb) {
  mono_at_base_ = mono(now);
  base_ = now;
  ppb_ = ppb;
}

}  // namespace flagfall::sim
