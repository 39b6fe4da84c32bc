// The directors of all services at the master: what races show and operators say goes to them, and what they
// make of it into the snapshots of the request loops. Control thread only; decides nothing itself.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "director/health_rules.hh"
#include "director/service_director.hh"
#include "master/client_desk.hh"
#include "master/config.hh"
#include "master/director_files.hh"
#include "master/evidence_intake.hh"
#include "master/race_observer.hh"
#include "master/slave_state.hh"
#include "master/snapshot.hh"

namespace flagfall::master {

class DirectorDesk final : public RaceObserver {
 public:
  /// Reads the prefix files of policy "static", and the database of "geo". `config` and `clock` outlive it.
  static Result<std::unique_ptr<DirectorDesk>> open(const Config& config, const Clock& clock, Random& random);

  void asked(const NetworkAsked& asked) override;
  void settled(const race::FinishedRace& race) override;
  void unique(const UniqueName& name) override;

  /// The configuration has changed where a reload may change it, and these are the files that it names now.
  void reconfigure(const DirectorFiles& files);

  /// What a slave's collectors say; its last loads and checks stand in the state.
  void evidence(const SlaveState& slave, const wire::Evidence& evidence);
  /// Clients to be pinged by these slaves now; once a second.
  using Pings = std::map<std::string, std::vector<IpAddress>>;
  Pings pings();
  /// Those of them that queries wait for; any time.
  Pings hurried_pings();
  /// Queries may be waiting for what is measured.
  [[nodiscard]] bool hurries() const { return clock_.mono() < hurry_until_; }
  /// Who has a session now.
  void slaves(const std::vector<const SlaveState*>& slaves);
  /// How many answers a server of a service has led until now; every two seconds.
  using Led = std::function<std::uint64_t(std::size_t service, director::ServerIndex server)>;
  void count(const Led& led);
  /// Four times a second. True: apply() has something new.
  bool tick();
  void apply(Snapshot& snapshot) const;

  /// The director of a service; null: it has none.
  [[nodiscard]] director::ServiceDirector* of(std::size_t service) {
    return services_[service].director.get();
  }
  [[nodiscard]] const director::ServiceDirector* of(std::size_t service) const {
    return services_[service].director.get();
  }
  /// A server's place in a service, by its name.
  [[nodiscard]] std::optional<director::ServerIndex> server(std::size_t service,
                                                            const std::string& name) const;
  [[nodiscard]] const std::string& name(std::size_t service, director::ServerIndex server) const {
    return config_.services[service].slaves[server].name;
  }
  [[nodiscard]] const Config& config() const { return config_; }

  /// Null: nobody looks for clients behind resolvers ([director] unique_names).
  [[nodiscard]] const ClientDesk* clients() const { return clients_ ? &*clients_ : nullptr; }

  /// Takes a server out of all answers, or back. False: no service has one of that name.
  bool drain(const std::string& server, bool drained);
  [[nodiscard]] const std::set<std::string>& drained() const { return drained_; }
  /// Why a server is not answered with; empty: it is.
  [[nodiscard]] std::string why_not(const std::string& server) const;

 private:
  struct Service {
    std::unique_ptr<director::ServiceDirector> director;
    director::HealthRules rules;
    std::optional<director::Fallen> fallen;                      // what is done while nobody is fit
    std::vector<std::optional<director::ServerIndex>> by_slave;  // index of all slaves -> of this service's
    std::vector<std::uint64_t> led;                              // by server, as counted last
    std::vector<double> rate;                                    // answers a second
  };
  DirectorDesk(const Config& config, const Clock& clock)
      : config_(config), clock_(clock), pingers_(pingers(config)), wants_(config.director.ping_every) {}
  void judge();
  [[nodiscard]] Pings orders(const std::vector<PingWants::Want>& wants) const;
  void take(const DirectorFiles& files);
  [[nodiscard]] bool has(std::size_t service, director::Policy policy) const;

  const Config& config_;  // NOLINT(*-ref-data-members)
  const Clock& clock_;    // NOLINT(*-ref-data-members)
  std::vector<Service> services_;
  std::vector<std::string> names_;  // of all slaves, by index
  std::multimap<std::string, director::BorderIndex> pingers_;
  std::set<std::string> live_;
  std::set<std::string> drained_;
  std::map<std::string, std::vector<wire::Check>> checks_;  // by slave
  PingWants wants_;
  std::optional<ClientDesk> clients_;
  MonoTime hurry_until_;
  std::optional<MonoTime> counted_;
  bool changed_ = true;
  std::vector<std::shared_ptr<const director::View>> retired_;  // freed here, and not by a request loop
};

}  // namespace flagfall::master
