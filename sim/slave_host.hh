// A slave in the world: the product's link cores, order desk, fitness, deadline
// queue, name server and chrony tracker in one process, and around them what the
// shells would do; the transmit thread is modelled as a wake-up that is a little late.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/judge.hh"
#include "sim/session_wire.hh"
#include "sim/timekeeper.hh"
#include "slave/deadline_queue.hh"
#include "slave/fitness.hh"
#include "slave/link_core.hh"
#include "slave/order_desk.hh"
#include "slave/responder_core.hh"

namespace flagfall::sim {

struct SlaveOptions {
  Endpoint orders;  // its own address, and the port for orders
  std::vector<Endpoint> sources;
  std::vector<Endpoint> dns{};  // its own addresses as a name server; none: it is not
  struct Master {
    std::string name;
    Endpoint control;
  };
  std::vector<Master> masters;
  BucketLimit cap{10000, 20000};
  Nanos max_error = std::chrono::milliseconds(5);
  std::uint32_t pool = 4096;
  double refusals = 0;                             // the share of answers that the kernel does not take
  Nanos wake_up = std::chrono::microseconds(400);  // the most by which the transmit thread is late
};

class SlaveHost : public Host {
 public:
  SlaveHost(World& world, HostId id, SiteId site, const std::string& name, const HostClock& clock,
            const ChronydQuality& chronyd, SlaveOptions options, Judge& judge);
  ~SlaveHost() override;
  SlaveHost(const SlaveHost&) = delete;
  SlaveHost& operator=(const SlaveHost&) = delete;
  SlaveHost(SlaveHost&&) = delete;
  SlaveHost& operator=(SlaveHost&&) = delete;

  // Host
  [[nodiscard]] bool listens(const Endpoint& at) const override {
    return running() && (at == options_.orders || is_name_server(at));
  }
  void receive(const Packet& packet) override;
  void stream_open(StreamId id, const std::string& peer, const net::SealKey& key) override;
  void stream_bytes(StreamId id, Bytes bytes) override;
  void stream_closed(StreamId id, const std::string& why) override;

  /// Links that are registered and race.
  [[nodiscard]] std::size_t racing() const;

 protected:
  // Virtual, so that a test can put a bug in between.
  virtual std::span<const std::uint32_t> take_orders(slave::OrderDesk& desk, MutableBytes datagram,
                                                     MonoTime received, const slave::OrderDesk::Now& now) {
    return desk.datagram(datagram, received, now);
  }
  virtual void transmit(const slave::Shot& shot, const Endpoint& source, Bytes answer);
  /// A beacon was asked for.
  virtual void won(const slave::BeaconWin& win);

 private:
  struct Link;
  struct Process;
  void process_started() override;
  void process_gone() override;
  [[nodiscard]] bool is_name_server(const Endpoint& at) const {
    return std::ranges::find(options_.dns, at) != options_.dns.end();
  }
  void look_up(const Packet& question);
  bool take_services(std::size_t master, const wire::Services& services);
  void datagram(const std::vector<std::uint8_t>& bytes, MonoTime received);
  void fire();
  void arm_transmitter();
  void tell_refusals(Link& link);
  Link* link_of(StreamId id);
  void apply(Link& link, slave::LinkCore::Actions actions);
  void post(Link& link, slave::LinkCore::Actions& actions, const wire::Message& message);
  void arm(Link& link);
  void judge_fitness(Link& link);
  void report(Link& link);
  void ping(Link& link, const wire::PingOrder& order);
  void report_at_times();
  [[nodiscard]] wire::HostTime host_time() const;

  SlaveOptions options_;
  Judge& judge_;  // NOLINT(*-ref-data-members)
  SeededRandom random_;
  std::unique_ptr<Process> process_;
};

}  // namespace flagfall::sim
