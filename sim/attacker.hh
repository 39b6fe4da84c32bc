// Somebody on the way who hears order datagrams, and who may send anything from
// any address, but has no key: replays and changes what was heard, makes up
// datagrams, asks in the name of others, and pesters the control port. It knows
// what clients ask and from which ports (as with SAD DNS), but not their queries'
// ids, and never guesses one: so no answer or ICMP error that it forges may have
// an effect that needs the id. It hears beacons, too, in answers and when they are
// looked up, and looks them up itself: as they are in its own name, and in the name of
// clients those only that were looked up before, or that it has changed. Who asks for
// a loser's beacon in its client's name lies to the master, and nothing is promised then
// (docs/design/beacon.md).
#pragma once

#include <vector>

#include "sim/host.hh"
#include "sim/judge.hh"

namespace flagfall::sim {

class Attacker final : public Host, public Witness {
 public:
  struct Options {
    std::vector<Endpoint> services;          // what clients ask
    std::vector<Endpoint> orders;            // of the slaves
    std::vector<Endpoint> controls;          // of the masters
    std::vector<NameServer> name_servers{};  // where beacons lead to
    IpAddress address;
    Nanos pause = std::chrono::milliseconds(50);  // between two attacks, on average
  };
  Attacker(World& world, HostId id, SiteId site, Options options, Judge& judge);

  [[nodiscard]] bool listens(const Endpoint& /*at*/) const override { return false; }
  void receive(const Packet& /*packet*/) override {}
  void stream_open(StreamId id, const std::string& peer, const net::SealKey& key) override;

  void packet_sent(const Packet& packet) override;
  void packet_arrived(const Packet& /*packet*/, HostId /*at*/) override {}
  void packet_lost(const Packet& /*packet*/, Loss /*why*/) override {}

  struct Counters {
    std::uint64_t spoofed = 0, replayed = 0, changed = 0, made_up = 0, pestered = 0, flooded = 0, answers = 0,
                  errors = 0, beacons = 0;
    Counters& operator+=(const Counters& o);
  };
  struct Flood {
    Nanos length;
    unsigned per_second;
    /// Datagrams of 1,200 octets that say nothing, to fill the line; else queries, to fill the master.
    bool heavy;
  };
  /// Against one address of one master.
  bool flood(const Flood& flood);

  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  void process_started() override;
  void process_gone() override {}
  void attack();
  void spoof();
  void spoof_one(const Endpoint& to, std::uint8_t net);
  void flood_on(const Flood& flood, const Endpoint& to, RefTime end);
  void forge_answers();
  void forge_error();
  void replay(bool change);
  void make_up();
  void hear_beacon(const Packet& packet);
  void attack_beacons();
  void look_up(const Endpoint& from, const NameServer& at, const std::string& name);
  void pester();
  template <class T>
  const T& any(const std::vector<T>& of) {
    return any(of, random_);
  }
  template <class T>
  static const T& any(const std::vector<T>& of, Random& random) {
    return of[random.next() % of.size()];
  }

  Options options_;
  Judge& judge_;  // NOLINT(*-ref-data-members)
  SeededRandom random_;
  std::vector<Packet> heard_;  // orders
  std::vector<Packet> asked_;  // clients' queries
  // Of beacons.
  struct Heard {
    std::string name;
    IpAddress client;
  };
  SeededRandom beacon_random_;
  std::vector<Packet> look_ups_;
  std::vector<Heard> beacons_;  // in answers, the newest last
  std::uint64_t next_ = 0;
  Counters counters_;
};

}  // namespace flagfall::sim
