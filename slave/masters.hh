// All masters of this slave: a session each, whether it may race for each, and
// the reports to each. Loop thread only. Orders are the desk's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "clocksync/ref_clock.hh"
#include "common/base/histogram.hh"
#include "common/net/loop.hh"
#include "slave/config.hh"
#include "slave/fitness.hh"
#include "slave/master_link.hh"
#include "slave/order_desk.hh"

namespace flagfall::slave {

class Masters {
 public:
  using Counters = std::vector<std::pair<std::string, std::uint64_t>>;
  struct Sources {
    /// This host's clock; called whenever it is needed.
    std::function<const clocksync::RefMap&()> map;
    /// Who knows that: "chrony", "ntp".
    std::function<std::string_view()> provider;
    /// The time servers that masters have named, each once; called when a session begins. May be empty.
    std::function<void(const std::vector<wire::TimeServer>&)> time_servers;
    /// The latest Services of a master, by its place in the configuration. True when its beacon zone is
    /// answered for. May be empty.
    std::function<bool(std::size_t, const wire::Services&)> services;
    /// An order of pings from a master, and the end of a master's session. May be empty.
    std::function<void(std::size_t, const wire::PingOrder&)> ping;
    std::function<void(std::size_t)> lost;
    /// Transmit times minus instants.
    std::function<wire::Spread()> transmit_errors;
    /// What reports carry beside outcomes: everything that this slave counts.
    std::function<Counters()> counters;
    /// A master's session has begun; and its answer to a question of the front end. May be empty.
    std::function<void(std::size_t)> begun{};
    std::function<void(std::size_t, const wire::HomeAnswer&)> home{};
  };
  /// Dials from the loop. Throws std::runtime_error when the TLS files are not good.
  /// All references outlive the object; `order_port` is told to the masters.
  Masters(net::Loop& loop, const Clock& clock, Random& random, const Config& config, std::uint16_t order_port,
          OrderDesk& desk, Sources sources);
  ~Masters();
  Masters(const Masters&) = delete;
  Masters& operator=(const Masters&) = delete;
  Masters(Masters&&) = delete;
  Masters& operator=(Masters&&) = delete;

  /// The map is new: judge every session's fitness.
  void clock_changed();
  /// Outcomes are reported soon after they come; the rest once a second.
  void report_outcomes();

  /// What this slave can answer for has changed: every master is told.
  void tell_ready();

  /// What collectors found; false when there is no session with that master, or its buffer is full.
  bool send(std::size_t master, const wire::Evidence& evidence) { return link_of(master).send(evidence); }

  /// The same, of the front end: where a client belongs.
  bool send(std::size_t master, const wire::HomeQuestion& question) { return link_of(master).send(question); }

  /// Reads the certificate files again, for sessions from now on.
  [[nodiscard]] Status reload_certificates();

  /// One master, for status.
  struct View {
    std::string name;  // "master-1 at 192.0.2.1:4953"
    bool registered = false;
    bool racing = false;
    std::string why_not;    // when not racing
    bool relative = false;  // goes by the master's clock
    Nanos bound{};          // own clock plus the master's
  };
  [[nodiscard]] std::vector<View> views() const;
  /// When the certificates in use end: ours, and the CA's.
  [[nodiscard]] std::pair<RealTime, RealTime> certificates_expire() const;

  [[nodiscard]] std::size_t registered() const;
  [[nodiscard]] std::size_t racing() const;

 private:
  struct One;
  MasterLink& link_of(std::size_t master);
  LinkCallbacks callbacks(One& one, Nanos max_error);
  wire::Ready take_services(One& one, const wire::Services& services);
  void tell_time_servers();
  /// What this host goes by in races of that master: its own clock, or the master's.
  [[nodiscard]] const clocksync::RefMap& map_of(const One& one) const;
  void judge(One& one);
  void send_ready();
  void judge_and_report();
  void look_at_clock();
  void report(One& one);

  net::Loop& loop_;
  const Clock& clock_;
  const clocksync::ClockConfig& config_;
  OrderDesk& desk_;
  Sources sources_;
  std::vector<std::unique_ptr<One>> all_;
  std::vector<bool> ready_due_;  // by master
  wire::Report report_;          // reused: outcomes keep their room
  net::Watch every_second_;
  net::Watch soon_;
};

}  // namespace flagfall::slave
