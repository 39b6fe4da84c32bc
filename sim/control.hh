// What the control thread of one master's process does with what races, slaves and
// operators teach: the ledger, the directors, and their store, with the product's
// own classes, driven as master/app.cc drives them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "master/director_keeper.hh"
#include "master/director_routes.hh"
#include "master/race_keeper.hh"
#include "sim/disk.hh"
#include "sim/judge.hh"
#include "sim/shared_store.hh"

namespace flagfall::sim {

class Control final : private master::RaceObserver {
 public:
  /// What the process around it does.
  struct Shell {
    std::function<void()> publish;
    std::function<void(const std::string& slave, const std::vector<IpAddress>& clients)> ping;
    master::DirectorDesk::Led led;
  };
  struct Options {
    master::Config config;
    KeptStore::Options store;
    SharedStore::Options shared;
  };
  /// All but `options` and `shell` outlive it. Its timers are the process's.
  Control(Host& host, Options options, Disk& disk, Judge& judge, Random& random, Shell shell);
  ~Control() override;
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  Control(Control&&) = delete;
  Control& operator=(Control&&) = delete;

  /// When the process is made.
  void start();
  /// What the request core tells of races.
  [[nodiscard]] master::RecordRing& ring() { return races_.ring(0); }
  /// Who else is told of finished races; outlives this.
  void add(master::RaceObserver& observer) { races_.add(observer); }
  void report(const std::string& slave, const wire::Report& report);
  void evidence(const master::SlaveState& slave, const wire::Evidence& evidence);
  /// The sessions have changed.
  void sessions(const std::vector<const master::SlaveState*>& slaves);
  void apply(master::Snapshot& snapshot) const { desk_->apply(snapshot); }

  // An operator's commands, by the routes of the admin socket.
  void bind(std::size_t service, const Prefix& prefix, const std::string& server);
  void unbind(std::size_t service, const Prefix& prefix);
  void drain(const std::string& server, bool drained);
  /// What it shows of its directors.
  [[nodiscard]] ShownBook shown() const;

 private:
  class HostTime final : public Clock {
   public:
    explicit HostTime(const Host& host) : host_(host) {}
    [[nodiscard]] MonoTime mono() const override { return host_.mono(); }
    [[nodiscard]] RealTime real() const override { return host_.real(); }

   private:
    const Host& host_;  // NOLINT(*-ref-data-members)
  };
  void settled(const race::FinishedRace& race) override { told(race, false); }
  void finished(const race::FinishedRace& race) override { told(race, true); }
  void told(const race::FinishedRace& race, bool last);
  void turn();
  void tick();
  void look();
  void trace(const ShownBook& book);
  [[nodiscard]] std::uint16_t index_of(const std::string& slave) const;
  [[nodiscard]] bool has_director() const;
  std::unique_ptr<director::Store> open_store(Random& random);

  Host& host_;  // NOLINT(*-ref-data-members)
  master::Config config_;
  KeptStore::Options store_options_;
  SharedStore::Options shared_options_;
  Disk& disk_;    // NOLINT(*-ref-data-members)
  Judge& judge_;  // NOLINT(*-ref-data-members)
  Shell shell_;
  HostTime clock_;
  std::vector<std::string> names_;  // of all slaves, by index
  master::RaceKeeper races_;
  std::unique_ptr<master::DirectorDesk> desk_;
  director::Store* store_ = nullptr;  // the keeper's; null without a director
  std::optional<master::DirectorKeeper> keeper_;
  std::optional<master::DirectorRoutes> routes_;
  MonoTime counted_, pinged_;
  std::set<std::string> traced_;  // of the book, at the last look
};

}  // namespace flagfall::sim
