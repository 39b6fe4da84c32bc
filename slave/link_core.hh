// Decides the slave's side of one control session: when to dial, whether the
// master is the right one, what to answer, when the session is dead, how long to
// wait. Fed events with the time, returns actions. No sockets, no TLS, no clock;
// the shell is master_link.cc.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/random.hh"
#include "common/wire/pulse.hh"
#include "common/wire/session.hh"

namespace flagfall::slave {

class LinkCore {
 public:
  struct Options {
    Endpoint master;
    std::string master_name;       // one of the names of the master's certificate
    std::uint16_t order_port = 0;  // 0: takes no orders, collects only
    std::uint64_t instance = 0;
    bool front = false;  // a front end
    Nanos backoff_least = std::chrono::milliseconds(100);
    Nanos backoff_most = std::chrono::seconds(2);
    /// From dialling to Welcome. Long enough for TCP's second try after 1 s, short
    /// enough that this and backoff_most stay within 5 s of a master's return.
    Nanos attempt_limit = std::chrono::seconds(3);
  };

  struct Dial {};
  struct Close {};  // at once, whatever is there
  struct Send {
    wire::Message message;
  };
  struct Registered {
    wire::Welcome welcome;
  };
  struct Serve {  // to be answered with a Ready
    wire::Services services;
  };
  struct MasterClock {
    wire::Heartbeat heartbeat;
    std::optional<MonoTime> echoed;  // when ours that it echoes was sent
  };
  struct Ping {
    wire::PingOrder order;
  };
  struct Home {  // the answer to a question of the front end
    wire::HomeAnswer answer;
  };
  struct Lost {  // after Registered only
    std::string reason;
  };
  struct Log {
    enum class Level : std::uint8_t { debug, info, warn } level;
    std::string text;
  };
  using Action = std::variant<Dial, Close, Send, Registered, Serve, MasterClock, Ping, Home, Lost, Log>;
  using Actions = std::vector<Action>;

  /// `random` outlives the core; it spreads the redials of many slaves. The first dial is due at once.
  LinkCore(Options options, Random& random);

  /// The TLS handshake is done on our side.
  [[nodiscard]] Actions secured(const std::vector<std::string>& names, const wire::HostTime& now);
  [[nodiscard]] Actions message(wire::Message&& message, const wire::HostTime& now);
  /// The connection is gone already.
  [[nodiscard]] Actions closed(wire::CloseCause cause, const std::string& why, const wire::HostTime& now);
  /// A Send did not fit into the connection's buffer.
  [[nodiscard]] Actions overflowed(const wire::HostTime& now);
  [[nodiscard]] Actions tick(const wire::HostTime& now);
  [[nodiscard]] MonoTime next_deadline() const;
  [[nodiscard]] bool registered() const { return stage_ == Stage::registered; }

 private:
  enum class Stage : std::uint8_t { waiting, dialling, secured, registered };

  void welcome(wire::Welcome&& welcome, const wire::HostTime& now);
  void registered_message(wire::Message&& message, const wire::HostTime& now);
  /// Ends the attempt or the session; waits before the next dial, at least `least`.
  void give_up(std::string reason, bool close, MonoTime now, Nanos least = Nanos(0));
  void log(Log::Level level, std::string text) { actions_.emplace_back(Log{level, std::move(text)}); }
  Actions take() { return std::exchange(actions_, {}); }

  Options options_;
  Random& random_;
  Stage stage_ = Stage::waiting;
  MonoTime deadline_;  // waiting: the next dial; dialling, secured: the attempt's end
  std::optional<wire::Pulse> pulse_;
  MonoTime registered_at_;
  Nanos backoff_;
  std::string last_failure_;
  MonoTime last_failure_logged_;
  Actions actions_;
};

}  // namespace flagfall::slave
