// A master in the world: the product's request core, DNS front end, hub core and
// chrony tracker in one process, and around them what the shells would do.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/dns/front_end.hh"
#include "master/config.hh"
#include "master/hub_core.hh"
#include "master/request_core.hh"
#include "master/snapshot_builder.hh"
#include "sim/control.hh"
#include "sim/judge.hh"
#include "sim/session_wire.hh"
#include "sim/timekeeper.hh"

namespace flagfall::sim {

struct MasterOptions {
  master::Config config;  // dns.listen: what clients ask; control.listen: one address
  double refusals = 0;    // the share of order datagrams that the kernel does not take
  /// It learns who won, and has directors where its services have policies. Otherwise errors and evidence
  /// find nobody.
  bool learns = false;
  SharedStore::Options shared{};  // its directors' records, with other masters
};

/// What all masters serve, loaded once: a zone as from a file, and the secrets of the cookies.
struct ServedData {
  std::shared_ptr<const master::Zones> zones;
  dns::Cookies cookies;
};

class MasterHost : public Host, protected master::RequestOutput, protected master::RaceLog {
 public:
  MasterHost(World& world, HostId id, SiteId site, const std::string& name, const HostClock& clock,
             const ChronydQuality& chronyd, MasterOptions options, const ServedData& data, Judge& judge);
  ~MasterHost() override;
  MasterHost(const MasterHost&) = delete;
  MasterHost& operator=(const MasterHost&) = delete;
  MasterHost(MasterHost&&) = delete;
  MasterHost& operator=(MasterHost&&) = delete;

  // Host
  [[nodiscard]] bool listens(const Endpoint& at) const override;
  void receive(const Packet& packet) override;
  void icmp(const IcmpError& error) override;
  bool stream_comes(StreamId id, const Endpoint& at, const Endpoint& from) override;
  void stream_open(StreamId id, const std::string& peer, const net::SealKey& key) override;
  void stream_bytes(StreamId id, Bytes bytes) override;
  void stream_closed(StreamId id, const std::string& why) override;

  /// For `how_long` the process does nothing; what comes waits.
  bool stall(Nanos how_long);
  /// Of the process that runs, for operators; null: there is none, or it learns nothing.
  [[nodiscard]] Control* control_desk();
  [[nodiscard]] Disk& disk() { return disk_; }

 protected:
  // RequestOutput; virtual, so that a test can put a bug in between.
  MutableBytes answer_room() override { return room_; }
  void send_answer(std::size_t length, const Endpoint& to) override;
  void send_orders(std::span<master::OrderDatagram> datagrams) override;
  // RaceLog
  void log(const master::RaceRecord& record) noexcept override;
  /// What the request core is made with.
  [[nodiscard]] virtual master::RequestOptions request_options() const;
  /// What the request core is given to know.
  [[nodiscard]] virtual master::Snapshot published(master::Snapshot made) const { return made; }
  /// What ledger, directors and store are made with.
  [[nodiscard]] virtual Control::Options control_options() const;

 private:
  struct Process;
  struct Queued {
    Packet packet;
    RealTime stamp;
  };
  struct QueuedError {
    IcmpError error;
    RealTime stamp;
  };
  /// Where slaves dial, and where orders leave.
  [[nodiscard]] const Endpoint& control() const { return options_.config.control.listen.all.front(); }
  void process_started() override;
  void process_gone() override;
  void power_gone() override;
  void hear_errors(std::uint8_t address);
  void ping(const std::string& slave, const std::vector<IpAddress>& clients);
  void burst(std::uint8_t address);
  void wake(std::uint8_t address);
  void apply(const master::HubCore::Actions& actions);
  void tick();
  void publish();
  [[nodiscard]] wire::HostTime host_time() const;

  MasterOptions options_;
  master::SnapshotBuilder builder_;
  const ServedData& data_;  // NOLINT(*-ref-data-members)
  Judge& judge_;            // NOLINT(*-ref-data-members)
  SeededRandom random_;
  Disk disk_;
  bool power_lost_ = false;  // as the process goes
  std::vector<std::uint8_t> room_;
  Endpoint answering_;  // the address whose burst it is
  std::unique_ptr<Process> process_;
};

}  // namespace flagfall::sim
