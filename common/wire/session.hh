// Control session messages: values, and their bytes (docs/protocol.md §2, §3).
// Pure; parsers are total and bounded. Who may say what when is decided by
// master/hub_core.hh and slave/link_core.hh.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/histogram.hh"
#include "common/base/ip.hh"
#include "common/base/result.hh"
#include "common/base/time.hh"
#include "common/wire/evidence.hh"

namespace flagfall::wire {

inline constexpr std::uint16_t kSessionVersion = 6;
/// A frame's octets at most, and its header's.
inline constexpr std::size_t kMaxMessage = std::size_t{64} * 1024;
inline constexpr std::size_t kMessageHeader = 8;

// Limits of lists; a peer that exceeds one is malformed.
inline constexpr std::size_t kMaxServices = 1024;
inline constexpr std::size_t kMaxAddresses = 32;  // bits of a Ready entry
inline constexpr std::size_t kMaxAnswers = 64;
inline constexpr std::size_t kMaxCounters = 256;
inline constexpr std::size_t kMaxOutcomes = 2048;
inline constexpr std::size_t kMaxBeaconWins = 256;
inline constexpr std::size_t kMaxNames = 1024;  // of one service, and its name servers
inline constexpr std::size_t kMaxTimeServers = 4;
inline constexpr std::size_t kMaxWebSites = 1024;  // of one service
inline constexpr Nanos kLeastHeartbeat = std::chrono::milliseconds(10);
inline constexpr Nanos kMostHeartbeat = std::chrono::seconds(60);

enum class ClockStatus : std::uint8_t { unknown = 0, synchronised = 1, free_running = 2 };

/// Slave -> master, first.
struct Hello {
  std::uint16_t version = kSessionVersion;
  std::uint64_t instance = 0;  // random, new at each start of the slave
  // UDP port for order datagrams, at the address the session comes from; 0: it takes no orders, it collects.
  std::uint16_t order_port = 0;
  std::string software;  // "flagfall-slave 0.1.0"
  bool front = false;    // it is a front end: it wants to know Service::sites
};

/// An NTP server that the master's slaves shall ask. The session is private, so the key may travel in it.
struct TimeServer {
  Endpoint address;
  std::uint32_t key_id = 0;
  std::string key;  // AES-CMAC, 16 or 32 octets; empty: its replies are not signed
  bool operator==(const TimeServer&) const = default;
};

/// Master -> slave, first: only now is the slave registered.
struct Welcome {
  std::uint16_t version = kSessionVersion;
  std::uint32_t session = 0;  // names the session in the order datagrams' clear header
  Nanos heartbeat{};
  std::string slave;  // the name from the certificate, as the master knows it
  std::vector<TimeServer> time_servers;
};

/// Master -> slave instead of Welcome, or at any time before closing.
struct Refusal {
  std::string reason;   // one line for the slave's log
  Nanos retry_after{};  // no sooner than this
};

enum class LatePolicy : std::uint8_t { send = 0, drop = 1 };

/// Web requests that are a service's: what a slave's front end looks for in them.
struct WebSite {
  std::string host;  // canonical; "*.x.test" stands for all names below
  std::string path;  // a prefix, without a final "/"; empty: all paths
  std::uint16_t strip =
      0;                   // so many octets at the path's front are this server's own, and not what was asked
  std::string stands_for;  // the service's host that was asked for; empty: `host`
  bool operator==(const WebSite&) const = default;
};

/// What clients of a service send, and so what its slaves answer with.
enum class ServiceKind : std::uint8_t {
  dns,        // queries; the slave's own addresses
  datagrams,  // of any protocol; what the slave's own backend says
};

struct Service {
  std::string name;
  std::vector<Endpoint> addresses;  // what clients ask; Order::address indexes this
  std::vector<IpAddress> answers;   // what this slave answers with: its own content addresses
  std::uint32_t ttl = 0;
  LatePolicy late = LatePolicy::send;
  std::string nsid;  // sent in answers to who asks for it
  // A delegated service: the slave answers for `names` by itself, as one of `nameservers`, in `zone`.
  std::string zone{};  // empty: not delegated
  std::vector<std::string> nameservers{};
  std::vector<std::string> names{};
  std::vector<WebSite> sites{};  // for front ends only
  ServiceKind kind = ServiceKind::dns;
  // Of datagrams: octets of an answer at most, in all and for each hundred octets of its request.
  std::uint16_t most_answer = 0;
  std::uint32_t amplification = 0;
};

/// Master -> slave after Welcome and whenever it changes. Order::service indexes this.
struct Services {
  std::vector<Service> services;
  /// Orders sent before this (OrderReader::sent) index an older message: the slave drops them.
  RefTime since{};
  /// This slave's name in NS records, and the zone of its own that its beacons are in; empty: none.
  std::string nameserver{};
  std::string beacon_zone{};
};

/// Why a slave cannot answer for a service at all.
enum class Lack : std::uint8_t {
  nothing,
  source,   // none of its addresses is in transmit.sources
  backend,  // of datagrams: no [[backend]] is configured for it
  down,     // its backend does not answer
};

/// Slave -> master, the reply to Services: what it can send from. Also by itself, when that changes.
struct Ready {
  /// One entry a service, in its order: bit i set when addresses[i] is usable.
  std::vector<std::uint32_t> addresses;
  /// It answers for its beacon zone, so orders may ask for beacons.
  bool beacons = false;
  /// No reply: something has changed since the last one.
  bool again = false;
  /// One entry a service, too, or none.
  std::vector<Lack> lacks{};
};

/// Both ways, every heartbeat interval; echoes give the session's round trip.
struct Heartbeat {
  RefTime sent;  // sender's reference time
  RefTime echo;  // `sent` of the last one received; the epoch before there was one
  Nanos held{};  // how long ago that was received
  ClockStatus clock = ClockStatus::unknown;
  Nanos bound{};  // the sender's own clock bound
};

/// What became of one order.
struct RaceOutcome {
  std::uint64_t race = 0;
  enum class Fate : std::uint8_t {
    sent = 0,
    sent_late = 1,
    dropped_late = 2,
    refused = 3,
    failed = 4,
    withheld = 5  // a shadow: prepared in time or not, never sent
  } fate = Fate::sent;
  Nanos one_way{};  // from the order's sending until the slave judged it, in reference time: what decides
                    // lateness
  /// Transmit time minus instant; withheld: how long after the instant the answer was ready, 0 when in
  /// time; else 0.
  Nanos transmit_error{};
};

/// The slave was asked for the name in its answer to this race: whoever asked took that answer.
struct BeaconWin {
  std::uint64_t race = 0;
  Nanos after{};              // since the instant
  bool same_address = false;  // asked by the address that the race's answer went to
};

/// What a histogram says, in five figures; all zero while it is empty.
struct Spread {
  std::uint64_t count = 0;
  Nanos p50{};
  Nanos p90{};
  Nanos p99{};
  Nanos most{};
};
Spread spread_of(const Histogram& histogram);

/// Slave -> master, batched.
struct Report {
  bool racing = false;  // false: the slave stands down
  std::string why_not;  // when not racing
  ClockStatus clock = ClockStatus::unknown;
  Nanos correction{};    // reference time minus the slave's CLOCK_REALTIME
  Nanos own_bound{};     // of the slave's clock alone
  Nanos bound{};         // own bound plus the master's
  Nanos expected{};      // likely error of the slave's clock alone: never a bound
  Nanos drift{};         // what reference time gains on the slave's clock, in ns a second
  Nanos age{};           // since the source was last heard
  std::string provider;  // "chrony", "ntp", "master"
  // Since the slave's start; the first two are looked at once a second.
  Spread own_bounds;
  Spread expected_errors;
  Spread transmit_errors;  // transmit time minus instant, of answers that were ready in time
  std::vector<std::pair<std::string, std::uint64_t>> counters;
  std::vector<RaceOutcome> outcomes;
  std::vector<BeaconWin> beacon_wins{};
};

/// Slave -> master: a client has come to this slave's front end; to which server does its network belong?
struct HomeQuestion {
  std::uint32_t number = 0;  // the answer's
  std::string service;
  IpAddress client;
};

/// Master -> slave, to each HomeQuestion, unless there are too many.
struct HomeAnswer {
  std::uint32_t number = 0;
  enum class Home : std::uint8_t { unknown = 0, here = 1, elsewhere = 2 } home = Home::unknown;
  std::uint8_t length = 0;  // true for the client's network of so many bits
  Nanos keep{};             // and for so long
  std::string
      location;  // of who is elsewhere: where its requests are sent, as the master's `location` has it
};
inline constexpr std::size_t kMaxLocation = 1024;

using Message = std::variant<Hello, Welcome, Refusal, Services, Ready, Heartbeat, Report, PingOrder, Evidence,
                             HomeQuestion, HomeAnswer>;

/// Why a connection ended without our doing, as a shell tells its core.
enum class CloseCause : std::uint8_t {
  connect,    // dialling failed
  handshake,  // TLS did not come about, or the peer refused our certificate
  malformed,  // bytes that are no message
  ended,      // the peer closed it
  failed,     // the network or TLS broke it
};

/// Frame and body, ready for the stream. Empty when a value breaks a limit (a list
/// too long, a name that does not print, a frame above kMaxMessage). Free text
/// (software, reason, why_not, provider, why) is cut and made printable instead.
std::vector<std::uint8_t> encode(const Message& message);

/// The message's name, for logs.
std::string_view name_of(const Message& message);

/// Splits a byte stream into messages, at any split of the bytes.
class MessageReader {
 public:
  enum class State : std::uint8_t { complete, need_more, malformed };
  /// Takes bytes up to the end of the frame that is under way, and says how many;
  /// 0 when a whole frame waits for next(). So at most one frame is ever buffered.
  [[nodiscard]] std::size_t feed(Bytes bytes);
  /// The next message. After `malformed` the stream is lost: close it; `error()` says why.
  State next(Message& out);
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  /// Octets that the frame under way needs in all, as far as is known.
  [[nodiscard]] std::size_t wanted() const;
  std::vector<std::uint8_t> buffer_;
  std::string error_;
};

}  // namespace flagfall::wire
