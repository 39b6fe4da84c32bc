// The master's side of all control sessions: who is registered, and whether it
// may race. Control thread only. The owner turns changes into a snapshot for the
// request loops (master/snapshot.hh).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/net/loop.hh"
#include "common/net/seal.hh"
#include "common/wire/session.hh"

namespace flagfall::master {

/// One configured slave, and its session when there is one.
struct SlaveState {
  std::string name;                 // the certificate's name
  bool registered = false;          // a session that was heard within three heartbeats
  std::uint32_t session = 0;
  net::SealKey key{};
  Endpoint orders;                  // where order datagrams go
  std::vector<std::uint32_t> ready; // wire::Ready::addresses; empty before it came
  wire::Report last_report;         // without its outcomes
  MonoTime registered_at;
  MonoTime last_heard;
  Nanos round_trip{};               // of the session's heartbeats, the smallest of the last minute
  std::uint64_t sessions = 0;       // how often it registered
  /// Registered, ready for something, racing, its bound within limits.
  [[nodiscard]] bool fit() const { return registered && last_report.racing; }
};

struct HubOptions {
  Endpoint listen;
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  Nanos heartbeat = std::chrono::seconds(1);
  /// Names that may register, with what each is to serve.
  std::map<std::string, wire::Services> slaves;
};

struct HubCallbacks {
  /// A slave's fitness, session, readiness or clock changed.
  std::function<void()> changed;
  /// Outcomes of races, as reported.
  std::function<void(const SlaveState&, const wire::Report&)> report;
  /// The master's own clock for heartbeats: status and bound.
  std::function<std::pair<wire::ClockStatus, Nanos>()> clock;
  /// Reference time now.
  std::function<RefTime()> reference_now;
};

class SlaveHub {
 public:
  /// Binds and listens; throws std::system_error or std::runtime_error with a line that says what to do.
  SlaveHub(net::Loop& loop, const Clock& clock, HubOptions options, HubCallbacks callbacks);
  ~SlaveHub();
  SlaveHub(const SlaveHub&) = delete;
  SlaveHub& operator=(const SlaveHub&) = delete;
  SlaveHub(SlaveHub&&) = delete;
  SlaveHub& operator=(SlaveHub&&) = delete;

  /// All configured slaves, by name.
  [[nodiscard]] std::vector<const SlaveState*> slaves() const;
  /// Counted refusals and errors, by name, for status.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> counters() const;
  /// The port listened on.
  [[nodiscard]] Endpoint local() const;

 private:
  struct Shell;
  std::unique_ptr<Shell> shell_;
};

}  // namespace flagfall::master
