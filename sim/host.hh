// One host of the world: a name, a place, clocks, and at most one process that
// may be stopped and go on, be killed, lose power, and start again. What the
// process does is the derived class's. Timers belong to a process and die with it.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "sim/chronyd.hh"
#include "sim/icmp_limit.hh"
#include "sim/spans.hh"
#include "sim/world.hh"

namespace flagfall::sim {

class Host : public Receiver, public StreamUser {
 public:
  Host(World& world, HostId id, SiteId site, std::string name, const HostClock& clock,
       const ChronydQuality& chronyd = {});
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  Host(Host&&) = delete;
  Host& operator=(Host&&) = delete;
  ~Host() override = default;

  void start();
  // What befalls a host is false where it could not: nothing ran there any more.

  /// The process dies (-9); the kernel closes its connections.
  bool kill();
  /// The host is gone without a word.
  bool lose_power();
  /// Power is back; start() is another step.
  void restore_power();
  /// The process stands still (SIGSTOP), its kernel does not: datagrams, octets and timers wait.
  bool pause(Nanos how_long);
  /// The whole virtual machine stands still, while its clocks go on; datagrams wait in the network card.
  bool freeze(Nanos how_long);

  [[nodiscard]] bool running() const { return running_; }
  [[nodiscard]] bool up() const override { return powered_; }
  [[nodiscard]] RefTime paused_until() const override { return paused_.until; }
  [[nodiscard]] bool frozen() const override { return frozen_until_ > world_.now(); }
  /// It stood still at some moment since `t`.
  [[nodiscard]] bool paused_since(RefTime t) const {
    return paused_.until > t && paused_.from <= world_.now();
  }
  /// Since when it stood still, when it has gone on only `ago` or less, or not yet.
  [[nodiscard]] std::optional<RefTime> just_paused(Nanos ago) const {
    return paused_since(world_.now() - ago) ? std::optional(paused_.from) : std::nullopt;
  }
  /// Whenever it stood still.
  [[nodiscard]] const Spans& pauses() const { return pauses_; }
  /// The kernel says that the port is closed, as often as its limits allow.
  void unwanted(const Packet& packet) override;
  /// How often its process was started.
  [[nodiscard]] unsigned life() const { return life_; }
  [[nodiscard]] HostId id() const { return id_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] HostClock& clock() { return clock_; }
  [[nodiscard]] const HostClock& clock() const { return clock_; }

  /// For as long, chronyd is not there.
  bool stop_chronyd(Nanos how_long);
  void restart_chronyd();
  /// CLOCK_REALTIME is set behind chronyd's back (`date -s`).
  void step_clock(Nanos by);
  /// chronyd's answer to a datagram at its command port; empty when there is none.
  [[nodiscard]] virtual std::vector<std::uint8_t> ask_chronyd(Bytes request) const;

  /// By this host's clock; not when the process has gone by then.
  template <class F>
  void at(MonoTime when, F&& action) {
    wake(clock_.truth(when), life_, std::decay_t<F>(std::forward<F>(action)));
  }
  template <class F>
  void after(Nanos delay, F&& action) {
    at(mono() + delay, std::forward<F>(action));
  }
  [[nodiscard]] World& world() { return world_; }

  [[nodiscard]] MonoTime mono() const { return clock_.mono(world_.now()); }
  [[nodiscard]] RealTime real() const { return clock_.real(world_.now()); }

  // Most hosts have no connections.
  bool stream_comes(StreamId /*id*/, const Endpoint& /*at*/, const Endpoint& /*from*/) override {
    return false;
  }
  void stream_open(StreamId /*id*/, const std::string& /*peer*/, const net::SealKey& /*key*/) override {}
  void stream_bytes(StreamId /*id*/, Bytes /*bytes*/) override {}
  void stream_closed(StreamId /*id*/, const std::string& /*why*/) override {}

 protected:
  virtual void process_started() = 0;
  virtual void process_gone() = 0;
  /// Before that, when the whole machine is gone.
  virtual void power_gone() {}

  World& world_;  // NOLINT(*-ref-data-members): a host is part of one world

 private:
  void measure(unsigned boot);
  void await_leap();
  void stand_still(Nanos how_long);
  /// Runs in this life's process, as soon as that does not stand still.
  template <class F>
  void wake(RefTime when, unsigned life, F action) {
    world_.queue.at(when, [this, life, action = std::move(action)]() mutable {
      if (!running_ || life_ != life) return;
      if (paused_.until > world_.now()) return wake(paused_.until, life, std::move(action));
      action();
    });
  }

  HostId id_;
  std::string name_;
  HostClock clock_;
  bool powered_ = true;
  bool running_ = false;
  unsigned life_ = 0;
  Chronyd chronyd_;
  RefTime chronyd_away_until_;
  bool stepped_ = false;  // and chronyd has not measured since
  unsigned boot_ = 0;
  Span paused_;  // the last time
  Spans pauses_;
  RefTime frozen_until_;
  IcmpLimit icmp_limit_;
  SeededRandom icmp_random_;
};

}  // namespace flagfall::sim
