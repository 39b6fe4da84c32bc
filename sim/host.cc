#include "sim/host.hh"

namespace flagfall::sim {
namespace {

enum : std::uint32_t { kStarted = 32, kGone };

constexpr Nanos kLeapClose = std::chrono::seconds(5);

}  // namespace

Host::Host(World& world, HostId id, SiteId site, std::string name, const HostClock& clock,
           const ChronydQuality& chronyd)
    : world_(world),
      id_(id),
      name_(std::move(name)),
      clock_(clock),
      chronyd_(chronyd, world.fork(name_ + " chronyd")),
      icmp_random_(world.fork(name_ + " icmp")) {
  world.network.attach(id, site, *this);
  world.streams.attach(id, name_, *this);
  world_.queue.after(chronyd.first, [this] { measure(0); });
  clock_.step(world.scale.shift);
  if (world.scale.leaps()) await_leap();
}

/// A leap second happens when the clock that makes it says so: the kernel's, which steps CLOCK_REALTIME at
/// its own midnight, or chronyd's, which knows the time.
void Host::await_leap() {
  const TimeScale& scale = world_.scale;
  if (const Leaps leaps = chronyd_.quality().leaps; leaps != Leaps::kernel) {
    chronyd_.announce(scale.leap_by);
    world_.queue.at(scale.leap, [this, leaps] {
      if (leaps == Leaps::slewed) return chronyd_.leap(world_.scale.leap_by);
      chronyd_.leaped();
      stepped_ = true;
    });
    return;
  }
  const RealTime when((scale.leap + scale.shift).time_since_epoch());
  if (real() >= when) {
    clock_.step(scale.leap_by);
    stepped_ = true;
    chronyd_.leaped();
    world_.trace.line(world_.now(), "{} has a leap second", name_);
    return;
  }
  chronyd_.announce(scale.leap_by);
  // Looks again at the time: the clock may have been set by then.
  const Nanos ahead = std::min<Nanos>(when - real(), std::chrono::seconds(1));
  world_.queue.at(clock_.truth(mono() + ahead), [this] { await_leap(); });
}

void Host::start() {
  if (running_ || !powered_) return;
  if (frozen()) return world_.queue.at(frozen_until_, [this] { start(); });
  running_ = true;
  ++life_;
  // A process that was not there when the clock was stepped has no means to see it before chronyd does.
  if (stepped_) restart_chronyd();
  world_.trace.note(world_.now(), kStarted, id_, life_);
  world_.trace.line(world_.now(), "{} starts, life {}", name_, life_);
  process_started();
}

bool Host::kill() {
  if (!running_) return false;
  running_ = false;
  paused_.until = std::min(paused_.until, std::max(world_.now(), frozen_until_));
  world_.trace.note(world_.now(), kGone, id_, 0);
  world_.trace.line(world_.now(), "{} is killed", name_);
  process_gone();
  world_.streams.killed(id_);
  return true;
}

bool Host::lose_power() {
  if (!powered_) return false;
  powered_ = false;
  paused_.until = std::min(paused_.until, world_.now());
  frozen_until_ = {};
  world_.trace.note(world_.now(), kGone, id_, 1);
  world_.trace.line(world_.now(), "{} loses power", name_);
  power_gone();
  if (running_) process_gone();
  running_ = false;
  world_.streams.lost_power(id_);
  return true;
}

void Host::restore_power() {
  if (powered_) return;
  powered_ = true;
  restart_chronyd();
}

bool Host::pause(Nanos how_long) {
  if (running_) stand_still(how_long);
  return running_;
}

bool Host::freeze(Nanos how_long) {
  if (!powered_) return false;
  stand_still(how_long);
  frozen_until_ = std::max(frozen_until_, world_.now() + how_long);
  return true;
}

void Host::stand_still(Nanos how_long) {
  const RefTime now = world_.now();
  if (paused_.until < now) paused_.from = now;
  paused_.until = std::max(paused_.until, now + how_long);
  pauses_.add(now, how_long);
  world_.trace.line(now, "{} stands still for {} ms", name_, how_long.count() / 1'000'000);
}

void Host::restart_chronyd() {
  ++boot_;
  stepped_ = false;
  chronyd_.lose_source();
  world_.queue.after(chronyd_.quality().first, [this, boot = boot_] { measure(boot); });
}

void Host::unwanted(const Packet& packet) {
  if (!icmp_limit_.take(packet.source.ip, mono(), icmp_random_)) return;
  const bool v4 = packet.destination.ip.family == Family::v4;
  const auto quoted =
      Bytes(packet.data).first(std::min(packet.data.size(), most_quoted(packet.destination.ip.family)));
  world_.network.send_icmp(id_, {.offender = packet.destination.ip,
                                 .type = static_cast<std::uint8_t>(v4 ? 3 : 1),
                                 .code = static_cast<std::uint8_t>(v4 ? 3 : 4),
                                 .source = packet.source,
                                 .destination = packet.destination,
                                 .quoted = {quoted.begin(), quoted.end()},
                                 .about = packet.number});
}

void Host::step_clock(Nanos by) {
  world_.trace.line(world_.now(), "{} has its clock stepped by {} us", name_, by.count() / 1000);
  clock_.step(by);
  stepped_ = true;
}

void Host::measure(unsigned boot) {
  if (!powered_ || boot != boot_) return;
  if (frozen()) return world_.queue.at(frozen_until_, [this, boot] { measure(boot); });
  // chronyd takes no samples near a leap second (LEAP_SECOND_CLOSE).
  const TimeScale& scale = world_.scale;
  if (scale.leaps() && std::chrono::abs(world_.now() - scale.leap) <= kLeapClose)
    return world_.queue.at(scale.leap + kLeapClose + Nanos(1), [this, boot] { measure(boot); });
  stepped_ = false;
  chronyd_.measure(clock_, world_.now(), world_.scale.reference(world_.now()));
  world_.queue.after(chronyd_.quality().poll, [this, boot] { measure(boot); });
}

bool Host::stop_chronyd(Nanos how_long) {
  chronyd_away_until_ = std::max(chronyd_away_until_, world_.now() + how_long);
  return powered_;
}

std::vector<std::uint8_t> Host::ask_chronyd(Bytes request) const {
  if (!powered_ || world_.now() < chronyd_away_until_) return {};
  return chronyd_.answer(request, world_.now());
}

}  // namespace flagfall::sim
