// Decides everything about control sessions at the master: who may connect, who
// is registered, who is dead, what to answer. Fed events with the time, returns
// actions. No sockets, no TLS, no clock; the shell is slave_hub.cc. Control thread only.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/log_limit.hh"
#include "common/base/random.hh"
#include "common/base/token_bucket.hh"
#include "common/wire/pulse.hh"
#include "common/wire/session.hh"
#include "master/ping_ledger.hh"
#include "master/slave_state.hh"

namespace flagfall::master {

/// Events that an outsider can cause, counted; and what became of sessions.
struct HubCounters {
  std::uint64_t connections = 0;        // accepted by the kernel
  std::uint64_t over_limit = 0;         // closed at once: too many unfinished ones from its address
  std::uint64_t evicted = 0;            // unfinished, closed for a newer one
  std::uint64_t handshake_failed = 0;   // no TLS, or a certificate that is not good
  std::uint64_t handshake_timeout = 0;  // no Hello in time
  std::uint64_t malformed = 0;          // bytes that are no message
  std::uint64_t out_of_order = 0;       // a message that may not come then
  std::uint64_t refused_version = 0;
  std::uint64_t refused_unknown = 0;    // a good certificate of a slave that is not configured
  std::uint64_t refused_duplicate = 0;  // the name has a session that is alive
  std::uint64_t registered = 0;
  std::uint64_t replaced = 0;  // by a new connection of the same process
  std::uint64_t silent = 0;    // dead after three heartbeat intervals
  std::uint64_t ended = 0;     // closed by the slave, or broken
  std::uint64_t overflow = 0;  // a slave that does not read
  std::uint64_t reports = 0;
  std::uint64_t evidence = 0;        // messages taken
  std::uint64_t evidence_flood = 0;  // messages dropped: more than a collector has to say
  std::uint64_t pings_ordered = 0;
  std::uint64_t home_questions = 0;  // of slaves' front ends, answered
  std::uint64_t home_flood = 0;      // and dropped: more than a slave may ask
  std::uint64_t pings_unasked = 0;   // results about addresses that were not ordered, or long ago

  /// f(name, value) for each.
  template <class F>
  void for_each(F f) const;
};

class HubCore {
 public:
  using Id = std::uint64_t;  // of a connection; the shell's, never reused

  struct Options {
    Nanos heartbeat = std::chrono::seconds(1);
    /// Names that may register, with what each is to serve.
    std::map<std::string, wire::Services> slaves;
    /// Whom slaves shall ask for the time, when they leave that to the master.
    std::vector<wire::TimeServer> time_servers{};
    /// From accept to Hello. Generous: three round trips of the longest path are 2 s.
    Nanos handshake_limit = std::chrono::seconds(10);
    /// Connections that are not registered, in all and from one address.
    std::size_t guests = 64;
    std::size_t guests_per_address = 8;
  };

  struct Send {
    Id id;
    wire::Message message;
  };
  struct Finish {  // close after what was sent
    Id id;
  };
  struct Close {  // at once
    Id id;
  };
  struct Log {
    enum class Level : std::uint8_t { info, warn } level;
    std::string text;
  };
  struct Changed {};
  struct Reported {
    const SlaveState* slave;
    wire::Report report;
  };
  /// What the slave's collectors found, without what nobody asked for.
  struct Gathered {
    const SlaveState* slave;
    wire::Evidence evidence;
  };
  /// A slave's front end wants to know; to be answered with a HomeAnswer.
  struct Asked {
    Id id;
    const SlaveState* slave;
    wire::HomeQuestion question;
  };
  using Action = std::variant<Send, Finish, Close, Log, Changed, Reported, Gathered, Asked>;
  using Actions = std::vector<Action>;

  /// `random` outlives the core; it draws session ids.
  HubCore(Options options, Random& random);

  [[nodiscard]] Actions connected(Id id, const Endpoint& peer, const wire::HostTime& now);
  /// The TLS handshake is done: the certificate's names and the session's key.
  [[nodiscard]] Actions secured(Id id, const std::vector<std::string>& names, const net::SealKey& key);
  [[nodiscard]] Actions message(Id id, wire::Message&& message, const wire::HostTime& now);
  /// The connection is gone already.
  [[nodiscard]] Actions closed(Id id, wire::CloseCause cause, const std::string& why,
                               const wire::HostTime& now);
  /// A Send did not fit into the connection's buffer.
  [[nodiscard]] Actions overflowed(Id id);
  [[nodiscard]] Actions tick(const wire::HostTime& now);
  /// New slaves and services: changed services are sent, slaves that are gone are refused.
  [[nodiscard]] Actions update(std::map<std::string, wire::Services> slaves, const wire::HostTime& now);
  /// Asks a slave to ping; results come as Gathered. `taken`: how many of the addresses; the others wait
  /// already, are no host's, or found no room, and all when there is no session.
  [[nodiscard]] Actions order_pings(const std::string& slave, std::span<const IpAddress> addresses,
                                    Nanos within, const wire::HostTime& now, std::size_t& taken);
  /// When tick() has something to do; MonoTime::max() when never.
  [[nodiscard]] MonoTime next_deadline() const;

  [[nodiscard]] const std::map<std::string, SlaveState>& slaves() const { return slaves_; }
  [[nodiscard]] const HubCounters& counters() const { return counters_; }

 private:
  enum class Stage : std::uint8_t { handshake, hello, registered, leaving };
  struct Connection {
    Endpoint peer;
    Stage stage = Stage::handshake;
    MonoTime since;
    MonoTime limit;    // of every stage but registered
    std::string name;  // from `hello` on
    net::SealKey key{};
    std::uint64_t instance = 0;
    std::size_t services = 0;  // entries of the Services that was sent last
    unsigned unanswered = 0;   // Services without their Ready
    std::optional<wire::Pulse> pulse;
    PingLedger pings;           // of the session
    MonoTime evidence_full_at;  // a token bucket
    MonoTime home_full_at;      // another
    [[nodiscard]] bool guest() const { return stage != Stage::registered; }
  };
  using Connections = std::map<Id, Connection>;
  /// Outsiders' lines, each kind with a limit of its own.
  enum class Kind : std::uint8_t { admission, handshake, protocol, refusal, checks, last };

  void hello(Id id, Connection& connection, const wire::Hello& hello, const wire::HostTime& now);
  void welcome(Id id, Connection& connection, const wire::Hello& hello, const wire::HostTime& now);
  void refuse(Id id, Connection& connection, std::string reason, Nanos retry_after,
              const wire::HostTime& now);
  void ready(Id id, Connection& connection, wire::Ready&& ready, const wire::HostTime& now);
  void heartbeat(Connection& connection, const wire::Heartbeat& heartbeat, const wire::HostTime& now);
  void report(Connection& connection, wire::Report&& report, const wire::HostTime& now);
  void evidence(Connection& connection, wire::Evidence&& evidence, const wire::HostTime& now);
  void home_question(Id id, Connection& connection, wire::HomeQuestion&& question, const wire::HostTime& now);
  void compare_checks(const SlaveState& slave, const std::vector<wire::Check>& fresh, MonoTime now);
  void check_benches(MonoTime now);
  void out_of_order(Id id, Connection& connection, std::string_view message, const wire::HostTime& now);
  void send_services(Id id, Connection& connection, RefTime since);
  /// The connection's slave has no session any more.
  void unregister(const Connection& connection, std::string_view why);
  void drop(Id id);
  void make_room(const Connection& newest, const wire::HostTime& now);
  Connection* session_of(const std::string& name, Id* id = nullptr);
  std::uint32_t new_session();
  void log(Log::Level level, std::string text);
  void log_limited(Kind kind, std::string text, MonoTime now);
  Actions take() { return std::exchange(actions_, {}); }

  Options options_;
  Random& random_;
  std::map<std::string, SlaveState> slaves_;
  Connections connections_;
  HubCounters counters_;
  std::array<LogLimit, static_cast<std::size_t>(Kind::last)> limits_;
  Actions actions_;
};

template <class F>
void HubCounters::for_each(F f) const {
  f("control_connections", connections);
  f("control_over_limit", over_limit);
  f("control_evicted", evicted);
  f("control_handshake_failed", handshake_failed);
  f("control_handshake_timeout", handshake_timeout);
  f("control_malformed", malformed);
  f("control_out_of_order", out_of_order);
  f("control_refused_version", refused_version);
  f("control_refused_unknown", refused_unknown);
  f("control_refused_duplicate", refused_duplicate);
  f("control_registered", registered);
  f("control_replaced", replaced);
  f("control_silent", silent);
  f("control_ended", ended);
  f("control_overflow", overflow);
  f("control_reports", reports);
  f("evidence", evidence);
  f("evidence_flood", evidence_flood);
  f("pings_ordered", pings_ordered);
  f("pings_unasked", pings_unasked);
  f("home_questions", home_questions);
  f("home_flood", home_flood);
}

}  // namespace flagfall::master
