// The slave's side of one control session, shell: TLS, timers and the log around
// slave/link_core.hh. Dials a master, registers, keeps the session, dials again
// with backoff. Loop thread only; one object a master.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/ip.hh"
#include "common/base/random.hh"
#include "common/base/result.hh"
#include "common/base/time.hh"
#include "common/net/loop.hh"
#include "common/net/seal.hh"
#include "common/wire/session.hh"

namespace flagfall::slave {

struct LinkOptions {
  Endpoint master;
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  std::string master_name;       // what the master's certificate must say
  std::uint16_t order_port = 0;  // 0: takes no orders, collects only
  std::uint64_t instance = 0;
  bool front = false;  // a front end
  Nanos backoff_least = std::chrono::milliseconds(100);
  Nanos backoff_most = std::chrono::seconds(2);  // back within 5 s of a master's return
};

struct LinkCallbacks {
  /// Welcome came: order datagrams of this session may arrive from now on.
  std::function<void(const wire::Welcome&, const net::SealKey&)> registered;
  /// New services; the return value (one entry a service) is sent back. From now on
  /// orders sent before `since` are to be dropped.
  std::function<wire::Ready(const wire::Services&)> services;
  /// The master's clock, from its heartbeat; and when ours that it echoes was sent, if it echoes one.
  std::function<void(const wire::Heartbeat&, std::optional<MonoTime>)> master_clock;
  /// The master wants these pinged. May be empty.
  std::function<void(const wire::PingOrder&)> ping;
  /// The session ended; queued answers still fire.
  std::function<void(const std::string& reason)> lost;
  /// Our clock, for our heartbeats.
  std::function<std::pair<wire::ClockStatus, Nanos>()> clock;
  std::function<RefTime()> reference_now;
  /// Where a client of the front end belongs. May be empty.
  std::function<void(const wire::HomeAnswer&)> home{};
};

class MasterLink {
 public:
  /// Reads the files: throws std::runtime_error with a line that says what is wrong
  /// with them. Dials from the loop. No callback may destroy the link.
  MasterLink(net::Loop& loop, const Clock& clock, Random& random, LinkOptions options,
             LinkCallbacks callbacks);
  ~MasterLink();
  MasterLink(const MasterLink&) = delete;
  MasterLink& operator=(const MasterLink&) = delete;
  MasterLink(MasterLink&&) = delete;
  MasterLink& operator=(MasterLink&&) = delete;

  /// False, and nothing kept, when there is no session, its buffer is full, or the report breaks a
  /// limit of docs/protocol.md (2,048 outcomes, 256 counters).
  bool send(const wire::Report& report);
  bool send(const wire::Evidence& evidence);
  bool send(const wire::HomeQuestion& question);
  bool send(const wire::Ready& ready);
  [[nodiscard]] bool registered() const;
  /// When the certificates in use end: ours, and the CA's.
  [[nodiscard]] std::pair<RealTime, RealTime> certificates_expire() const;
  /// Reads the certificate files again, for the next dial. An error, and nothing changes.
  [[nodiscard]] Status reload_certificates();

 private:
  struct Shell;
  std::unique_ptr<Shell> shell_;
};

}  // namespace flagfall::slave
