#include "sim/fault_plan.hh"

namespace flagfall::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A clock that walks changes its rate by up to kWalk every second: chronyd measures it often enough that it
/// has not left kWander (scenario.cc) by then, leap seconds and pauses included.
constexpr std::int64_t kWalk = 60;

}  // namespace

void FaultPlan::maybe(Fault fault, double likely, unsigned most, const std::function<bool()>& cause) {
  if (!lots_.chance(likely)) return;
  for (unsigned n = 1 + lots_.below(most); n > 0; --n)
    world_.queue.after(lots_.between(kWarmUp, length_), [this, fault, cause] {
      if (cause()) count(faults_, fault);
    });
}
Host& FaultPlan::any_slave() {
  return *lots_.any(cast_.slaves);
}
MasterHost& FaultPlan::any_master() {
  return *lots_.any(cast_.masters);
}
Host& FaultPlan::any_server() {
  return lots_.chance(0.3) ? any_master() : any_slave();
}

bool FaultPlan::kill(Host& host) {
  const bool killed = host.kill();
  world_.queue.after(lots_.between(milliseconds(1), seconds(4)), [&host] { host.start(); });
  return killed;
}
bool FaultPlan::lose_power(Host& host) {
  const bool lost = host.lose_power();
  world_.queue.after(lots_.between(milliseconds(500), seconds(8)), [&host] {
    host.restore_power();
    host.start();
  });
  return lost;
}

void FaultPlan::walk(Host& host) {
  host.clock().set_rate(world_.now(), host.clock().ppb() + others_.number(-kWalk, kWalk + 1));
  world_.queue.after(seconds(1), [this, &host] { walk(host); });
}

bool FaultPlan::cut() {
  const auto sites = static_cast<std::uint32_t>(cast_.masters.size() + cast_.slaves.size() + cast_.clients);
  const Nanos how_long = lots_.between(milliseconds(50), seconds(8));
  const SiteId one = lots_.below(sites);
  const SiteId other = lots_.below(sites);
  world_.network.cut(one, other, how_long);
  return one != other;
}

bool FaultPlan::split() {
  const auto sites = static_cast<SiteId>(cast_.masters.size() + cast_.slaves.size() + cast_.clients + 1);
  std::vector<bool> side(sites);
  for (SiteId site = 0; site < sites; ++site) side[site] = others_.chance(0.5);
  side.push_back(cast_.sharing.side());
  world_.network.split(side, others_.between(milliseconds(50), seconds(8)));
  return true;
}

void FaultPlan::plan_pauses() {
  maybe(Fault::slave_paused, 0.4, 3,
        [this] { return any_slave().pause(others_.between(milliseconds(1), seconds(6))); });
  maybe(Fault::master_paused, 0.4, 2,
        [this] { return any_master().pause(others_.between(milliseconds(1), seconds(4))); });
  maybe(Fault::frozen, 0.4, 2,
        [this] { return any_server().freeze(others_.between(milliseconds(1), seconds(6))); });
}

void FaultPlan::plan_floods() {
  const auto flood = [this](bool heavy) {
    return cast_.attacker.flood({.length = others_.between(milliseconds(100), milliseconds(1500)),
                                 .per_second = static_cast<unsigned>(others_.number(300, 2500)),
                                 .heavy = heavy});
  };
  maybe(Fault::flood, 0.35, 2, [flood] { return flood(false); });
  if (cast_.hogged) maybe(Fault::hogged_line, 1, 2, [flood] { return flood(true); });
}

void FaultPlan::plan() {
  maybe(Fault::slave_killed, 0.5, 4, [this] { return kill(any_slave()); });
  maybe(Fault::slave_lost_power, 0.35, 2, [this] { return lose_power(any_slave()); });
  maybe(Fault::master_killed, 0.4, 2, [this] { return kill(any_master()); });
  maybe(Fault::master_lost_power, 0.35, 1, [this] { return lose_power(any_master()); });
  maybe(Fault::cut, 0.5, 4, [this] { return cut(); });
  maybe(Fault::clock_stepped, 0.3, 2, [this] { return step(any_server()); });
  maybe(Fault::clock_wandered, 0.5, 5, [this] {
    Host& host = any_server();
    host.clock().set_rate(world_.now(),
                          host.clock().ppb() + static_cast<std::int64_t>(lots_.below(2001)) - 1000);
    return true;
  });
  maybe(Fault::chronyd_stopped, 0.4, 3,
        [this] { return any_server().stop_chronyd(lots_.between(milliseconds(100), seconds(8))); });
  maybe(Fault::master_stalled, 0.4, 4,
        [this] { return any_master().stall(lots_.between(milliseconds(1), milliseconds(200))); });
  maybe(Fault::split, 0.35, 2, [this] { return split(); });
  plan_pauses();
  plan_floods();
  if (!others_.chance(0.4)) return;
  count(faults_, Fault::clock_walked);
  for (const auto& host : cast_.masters) walk(*host);
  for (const auto& host : cast_.slaves) walk(*host);
}

bool FaultPlan::step(Host& host) {
  host.step_clock(lots_.between(-milliseconds(300), milliseconds(300)));
  return true;
}

}  // namespace flagfall::sim
