#include "sim/host.hh"

namespace flagfall::sim {
namespace {

enum : std::uint32_t { kStarted = 32, kGone };

}  // namespace

Host::Host(World& world, HostId id, SiteId site, std::string name, const HostClock& clock,
           const ChronydQuality& chronyd)
    : world_(world),
      id_(id),
      site_(site),
      name_(std::move(name)),
      clock_(clock),
      chronyd_(chronyd, world.fork(name_ + " chronyd")),
      icmp_random_(world.fork(name_ + " icmp")) {
  world.network.attach(id, site, *this);
  world.streams.attach(id, name_, *this);
  world_.queue.after(chronyd.first, [this] { measure(0); });
}

void Host::start() {
  if (running_ || !powered_) return;
  running_ = true;
  ++life_;
  // A process that was not there when the clock was stepped has no means to see it before chronyd does.
  if (stepped_) restart_chronyd();
  world_.trace.note(world_.now(), kStarted, id_, life_);
  world_.trace.line(world_.now(), "{} starts, life {}", name_, life_);
  process_started();
}

void Host::kill() {
  if (!running_) return;
  running_ = false;
  world_.trace.note(world_.now(), kGone, id_, 0);
  world_.trace.line(world_.now(), "{} is killed", name_);
  process_gone();
  world_.streams.killed(id_);
}

void Host::lose_power() {
  if (!powered_) return;
  powered_ = false;
  world_.trace.note(world_.now(), kGone, id_, 1);
  world_.trace.line(world_.now(), "{} loses power", name_);
  if (running_) process_gone();
  running_ = false;
  world_.streams.lost_power(id_);
}

void Host::restore_power() {
  if (powered_) return;
  powered_ = true;
  restart_chronyd();
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
  stepped_ = false;
  chronyd_.measure(clock_, world_.now());
  world_.queue.after(chronyd_.quality().poll, [this, boot] { measure(boot); });
}

void Host::stop_chronyd(Nanos how_long) {
  chronyd_away_until_ = std::max(chronyd_away_until_, world_.now() + how_long);
}

std::vector<std::uint8_t> Host::ask_chronyd(Bytes request) const {
  if (!powered_ || world_.now() < chronyd_away_until_) return {};
  return chronyd_.answer(request, world_.now());
}

void Host::at(MonoTime when, EventQueue::Action action) {
  world_.queue.at(clock_.truth(when), [this, life = life_, action = std::move(action)] {
    if (running_ && life_ == life) action();
  });
}

}  // namespace flagfall::sim
