// Takes sealed order datagrams and makes shots of them: opens, checks, writes
// the answer, and remembers what became of each order for the next report. The
// slave's core: no socket, no clock; nothing on the path of an order allocates.
// Loop thread only.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "clocksync/ref_clock.hh"
#include "common/base/bytes.hh"
#include "common/base/token_bucket.hh"
#include "common/net/seal.hh"
#include "common/wire/dns.hh"
#include "common/wire/order.hh"
#include "common/wire/session.hh"
#include "common/wire/siphash.hh"
#include "slave/beacon_book.hh"
#include "slave/content_desk.hh"
#include "slave/order_counters.hh"
#include "slave/service_table.hh"
#include "slave/shot.hh"

namespace flagfall::slave {

/// A shot whose answer a backend is to be asked for.
struct UdpAsk {
  std::uint32_t shot = 0;
  std::uint16_t backend = 0;
  Bytes request;          // valid until the next datagram
  std::size_t limit = 0;  // octets of the answer at most
  ProxiedRequest from{};  // whose it is
};

class OrderDesk {
 public:
  struct Options {
    std::vector<Endpoint> sources;  // the only addresses ever sent from
    BucketLimit cap{10000, 20000};  // answers a second, over all masters
    wire::SipKey beacon_key{};      // of the labels in beacons
    /// Where segments go to, of IPv4 and IPv6: sockets beyond those of `sources`.
    std::array<std::uint16_t, 2> packets{kNoSource, kNoSource};
    std::vector<std::string> udp_backends{};  // the services of datagrams that have one here, by index
    /// Services whose content a server here has: an index into these is an ask's.
    std::vector<std::string> http_backends{};
  };
  /// An instant further ahead is refused: no delay is this long, and a pending shot holds a slot.
  static constexpr Nanos kFarthest = std::chrono::seconds(10);
  /// An order later than this is dropped whatever its service says: dig and resolvers have given up.
  static constexpr Nanos kOldest = std::chrono::seconds(5);
  /// Outcomes kept for a link's next report; more are counted, not kept.
  static constexpr std::size_t kMostOutcomes = wire::kMaxOutcomes;
  static constexpr std::size_t kMostWins = wire::kMaxBeaconWins;

  /// `links`: how many masters. `pool` outlives the desk.
  OrderDesk(Options options, std::size_t links, ShotPool& pool);

  // Sessions; `link` is below `links`.
  void open_session(std::size_t link, std::uint32_t session, const net::SealKey& key);
  /// The table that orders of this session index from now on; the reply for the master. `beacons`: this
  /// slave answers for their beacon zone.
  wire::Ready set_services(std::size_t link, const wire::Services& services, bool beacons = false);
  /// Whether a backend answers. The new word for this master; see wire::Ready::again.
  void set_backend(std::size_t backend, bool up) { udp_up_.at(backend) = up; }
  [[nodiscard]] wire::Ready ready(std::size_t link) const { return links_[link].services.ready(udp_up_); }
  /// Datagrams of it are strangers from now on; shots that are under way stay.
  void close_session(std::size_t link);
  /// While false, orders of this link are refused. `bounds`: both clocks' together.
  void set_racing(std::size_t link, bool racing, Nanos bounds = Nanos(0)) {
    links_[link].racing = racing;
    links_[link].bounds = bounds;
  }

  /// How our clock maps to this master's reference time, where that is not the host's own map; null: it is.
  /// Outlives its use.
  void set_map(std::size_t link, const clocksync::RefMap* map) { links_[link].map = map; }

  /// When something happened, and how our clock maps to reference time.
  struct Now {
    MonoTime mono;
    const clocksync::RefMap& map;
  };
  /// One datagram; its bytes are garbage afterwards. `received` by our clock.
  /// Returns the shots to be transmitted; valid until the next call.
  std::span<const std::uint32_t> datagram(MutableBytes datagram, MonoTime received, const Now& now);
  /// The beacons among the shots of the last datagram(): to be known where they will be asked for.
  [[nodiscard]] std::span<const IssuedBeacon> issued() const { return issued_; }
  /// What backends are to be asked for the orders of the last datagram().
  [[nodiscard]] std::span<const UdpAsk> udp_asks() const { return udp_asks_; }
  /// A backend's answer to one of them lies in the pool. True: the shot is to be transmitted.
  [[nodiscard]] bool answered(std::uint32_t index, std::size_t length, MonoTime now);
  /// There is none.
  enum class Unanswered : std::uint8_t { silent, too_long };
  void unanswered(std::uint32_t shot, Unanswered why);
  /// Whom to ask for content of the last datagram()'s shots, which may get it until their turn comes.
  [[nodiscard]] std::span<const ContentAsk> content_asks() const { return content_asks_; }
  /// A beacon was asked for.
  void won(const BeaconWin& win);
  /// A shot came back from the transmit thread.
  void finished(std::uint32_t index);

  /// Outcomes not yet reported, of the session that is open.
  [[nodiscard]] const std::vector<wire::RaceOutcome>& outcomes(std::size_t link) const {
    return links_[link].outcomes;
  }
  [[nodiscard]] const std::vector<wire::BeaconWin>& beacon_wins(std::size_t link) const {
    return links_[link].wins;
  }
  /// Outcomes and wins were reported, or could not be.
  void clear_outcomes(std::size_t link, bool reported);

  [[nodiscard]] const OrderCounters& counters() const { return counters_; }

 private:
  struct Link {
    bool open = false;
    bool racing = false;
    Nanos bounds{};
    const clocksync::RefMap* map = nullptr;  // instead of the host's
    std::uint32_t session = 0;
    std::vector<net::Opener> opener;  // one, or none
    ServiceTable services;
    std::vector<wire::RaceOutcome> outcomes;
    std::vector<wire::BeaconWin> wins;
  };
  struct Arrival {
    std::size_t link;
    MonoTime received;
    Nanos way;      // until the kernel had it
    Nanos one_way;  // until it is judged: what decides whether it is late, and so what is reported
    const Now& now;
  };
  Link* find(std::uint32_t session);
  void order(const wire::Order& order, const Arrival& arrival);
  /// Null, and counted, when the order must not be answered.
  const PreparedService* judge(const wire::Order& order, const Arrival& arrival, MonoTime due);
  /// The answer, or its echo. False when the request has no answer of ours.
  bool build(const wire::Order& order, const PreparedService& service, std::uint32_t shot, bool echo);
  void fill(Shot& shot, const wire::Order& order, const Arrival& arrival, MonoTime due) const;
  void ask(const wire::Order& order, const PreparedService& service, const Arrival& arrival, MonoTime due);
  [[nodiscard]] std::uint16_t packets_of(const Endpoint& client) const;
  bool build_segment(const wire::Order& order, const Endpoint& source, std::uint32_t shot);
  void ask_content(const wire::Order& order, const PreparedService& service, const Endpoint& source,
                   std::uint32_t shot);
  /// The CNAME for this race.
  const wire::PreparedRecords& beacon(const wire::Order& order, const PreparedService& service);
  void echo(const wire::Order& order, const PreparedService& service, std::uint32_t first, MonoTime now);
  void withhold(const wire::Order& order, const Arrival& arrival, std::uint32_t index);
  bool within_cap(const wire::Order& order, const Arrival& arrival);
  void note(Link& link, const wire::RaceOutcome& outcome);
  void note_of(const Shot& shot, const wire::RaceOutcome& outcome);
  void refuse(const wire::Order& order, const Arrival& arrival, Counter& why);

  Options options_;
  ShotPool& pool_;
  TokenBucket cap_;
  TokenBucket prompt_cap_;  // the same bucket, for prompt orders
  MonoTime cap_full_at_;
  std::vector<Link> links_;
  std::vector<std::uint32_t> shots_;
  std::vector<UdpAsk> udp_asks_;
  std::vector<bool> udp_up_;
  std::vector<IssuedBeacon> issued_;
  std::vector<ContentAsk> content_asks_;
  wire::PreparedRecords beacon_;  // of the order that is being built
  wire::DnsQuery query_;
  OrderCounters counters_;
};

}  // namespace flagfall::slave
