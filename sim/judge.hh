// Knows what the world really did, and what the product promises; says at once
// when the two part. It stands at the network as a witness and reads the bytes
// for itself (dns_text.hh), holding keys that no single host has. It never asks
// a core for its opinion, with one exception: a slave may say that it refused an
// order, since refusing is its right. Once the master has been told so, that right
// is no excuse any more: it must answer who asks again.
//
// The promises, and the first words of the line that tells of a broken one:
//   query     every query that a living master took has one answer or one race;
//             a client that gave up has a reason in the world
//   order     no slave sends what it was not ordered to (a shadow never), twice
//             (but one echo that was ordered), to another client, from another
//             address, or away from the instant
//   guard     races stay within the token buckets; no retry is raced again
//   seal      no nonce comes twice; only exported keys are used
//   clock     a clock's bound holds the truth
//   ceiling   tables stay within their limits
//   session   when all faults are over, every slave races for every master
//   verdict   one that is marked certain is true
//   beacon    only who may be led to one is, it is answered, and told of as it was
//   director  who is answered by what is known gets only servers that are fit as the
//             master knows, and an operator's word is obeyed
//   store     what was known for a second survives the process
//   sharing   masters that share their records show the same
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "clocksync/ref_clock.hh"
#include "common/dns/rate_limit.hh"
#include "common/wire/order.hh"
#include "common/wire/session.hh"
#include "director/health_rules.hh"
#include "master/beacon_wish.hh"
#include "master/config.hh"
#include "master/race_core.hh"
#include "sim/beacon_judge.hh"
#include "sim/book_judge.hh"
#include "sim/budget.hh"
#include "sim/host.hh"
#include "sim/sharing_judge.hh"
#include "sim/window.hh"

namespace flagfall::sim {

using AskId = std::size_t;

/// What was promised: the configuration, as an operator wrote it.
struct Promises {
  master::GuardOptions guard;
  unsigned max_slaves = 8;
  Nanos retry_window = std::chrono::seconds(2);
  /// Instead, when the master has been told that a slave refused or failed an order of that race.
  Nanos retry_window_refused = std::chrono::seconds(6);
  std::vector<Nanos> delays = {std::chrono::milliseconds(25)};  // of the services
  Nanos queue = std::chrono::milliseconds(1);  // the longest that the modelled kernel keeps a query
  Nanos max_error = std::chrono::milliseconds(5);
  /// Of ordinary answers to one network that nobody verified; what is more need not be answered.
  dns::RateLimit::Options answers{};
  BucketLimit slave_cap;
  /// Longer than any client waits: what is older than this is forgotten.
  Nanos memory = std::chrono::seconds(200);
  /// The longest that a datagram waits for the modelled slave's loop.
  Nanos slave_queue = std::chrono::microseconds(100);
  Nanos wake_up = std::chrono::microseconds(500);  // the most by which the modelled transmit thread misses
  Nanos certain_within = std::chrono::milliseconds(50);  // of verdicts
  // Ceilings of tables: of a director, of a ledger, of a store.
  std::size_t clusters = 1'000'000, races = 16'384, waiting_records = 200'000;
};

/// A service with a director, as the configuration has it.
struct Directed {
  std::string name;
  std::map<IpAddress, std::string> owners;  // of answers
  director::AllDown all_down;
};

struct JudgeCounters {
  std::uint64_t asks = 0, forged_asks = 0, races = 0, orders = 0, fired = 0, fired_late = 0, refused = 0,
                direct = 0, limited = 0, gave_up = 0, answered = 0, replays_seen = 0, echoed = 0,
                verdicts = 0, certain = 0, told = 0, survived = 0, misled = 0, compared = 0, beacons = 0,
                followed = 0, by_beacons = 0;
};

class Judge final : public Witness {
 public:
  Judge(World& world, Promises promises) : world_(world), promises_(std::move(promises)) {}

  // The cast, before the play.
  /// `addresses`: what clients ask, as orders index them.
  void add_master(const Host& host, std::vector<Endpoint> addresses);
  /// The last master added has directors for these of the two services; nothing for one that has none.
  void add_directors(std::vector<std::optional<Directed>> services);
  /// The last master added shares its directors' records.
  void add_sharing();
  /// And these services, some of which it may race with beacons.
  void add_services(const std::vector<master::ServiceConfig>& services);
  /// `sources`: the only addresses it may send answers from; orders come to `orders`.
  void add_slave(const Host& host, std::vector<Endpoint> sources, const Endpoint& orders);
  void add_name_server(const Host& slave, NameServer server);

  // Clients and the attacker: before a query is sent.
  AskId asked(const Endpoint& from, Bytes query, bool verified, bool forged);
  void answered(AskId ask);
  /// A client believes this answer.
  void took(std::uint64_t packet);
  /// This answer came too late for its client, but its port is another query's by now.
  void missed(std::uint64_t packet);
  /// A client has ended this try, since it believes an ICMP error that a forger has sent.
  void deceived(AskId ask);
  /// A client has closed this try's port.
  void closed(AskId ask);
  /// The same, since it has waited long enough, and asks again from another port.
  void left(AskId ask);
  /// All the tries of one look-up have failed.
  void gave_up(const std::vector<AskId>& tries);

  // Hosts.
  /// One end of a session has its key.
  void exported(const net::SealKey& key, const Host& host);
  /// The slave's end of a session is over.
  void session_over(const net::SealKey& key);
  /// A master has dealt with these queries; whatever it does about them is done.
  void handled(const Host& master, const std::vector<const Packet*>& queries);
  /// A slave refused an order, dropped it for being late, or could not send its answer.
  void refused(const Host& slave, std::uint64_t race);
  /// A slave's process answers for its beacons from now on.
  void serves_beacons(const Host& slave);
  /// Its name server has dealt with this question; its answer, if there is one, has left.
  void looked_up(const Host& slave, const Packet& question);
  /// A master has read a slave's report.
  void told(const Host& master, const std::string& slave, const wire::Report& report);
  /// A master says who won a race.
  /// `last`: its last word, which is counted; directors learn from the first one.
  void verdict(const Host& host, const race::FinishedRace& finished, const std::string& winner, bool last);
  /// A master has sessions with these slaves from now on.
  void sessions(const Host& host, std::set<std::string> live);
  /// A master has done an operator's command.
  void bound(const Host& host, const std::string& service, const Prefix& prefix, const std::string& server);
  void unbound(const Host& host, const std::string& service, const Prefix& prefix);
  void drained(const Host& host, const std::string& server, bool drained);
  /// Where masters share their records, something is in trouble until then.
  void sharing_trouble(RefTime until) { sharing_.trouble(until); }
  /// And this is lost.
  void records_lost();
  /// How masters that share differ, at the last look of each; nothing: they do not.
  [[nodiscard]] std::optional<std::string> sharing_differs() const { return sharing_.differs(); }
  /// What a master shows of its directors.
  void book(const Host& host, const ShownBook& book);
  /// A master's process is gone; `disk`: whenever its disk was in trouble.
  void died(const Host& host, bool power, const Spans& disk);
  void clock(const Host& host, const clocksync::RefMap& map);
  void ceiling(const Host& host, const char* what, std::size_t value, std::size_t most);
  /// Something that a host or client saw is wrong.
  void accuse(const std::string& what);

  // Witness
  void packet_sent(const Packet& packet) override;
  void packet_arrived(const Packet& packet, HostId at) override;
  void packet_lost(const Packet& packet, Loss why) override;

  /// The first broken promise.
  [[nodiscard]] const std::optional<std::string>& broken() const { return broken_; }
  [[nodiscard]] const JudgeCounters& counters() const { return counters_; }
  [[nodiscard]] const Promises& promises() const { return promises_; }

 private:
  using OrderIndex = std::size_t;
  /// A datagram from a master or a slave to a client.
  struct Flight {
    enum class Fate : std::uint8_t { under_way, lost, arrived } fate = Fate::under_way;
    std::optional<OrderIndex> order{};  // a slave's
  };
  struct Ask {
    Endpoint from;
    std::string key;   // in ask_of_
    RefTime asked;     // first
    std::string name;  // for people, and for retries: lower case, with the type
    bool verified = false;
    bool forged = false;
    bool deceived = false;  // a forger has ended it
    bool closed = false;    // nobody waits for an answer any more
    bool recursive = false;
    RefTime left = RefTime::max();
    unsigned handled = 0;
    unsigned races = 0;
    unsigned limited = 0;               // times that it need not be answered
    std::vector<std::uint64_t> direct;  // packets that answer it, from a master
    std::vector<OrderIndex> orders;
  };
  struct Session {
    net::SealKey key{};
    const Host* master = nullptr;
    const Host* slave = nullptr;
    unsigned master_life = 0, slave_life = 0;
    bool over = false;  // for the slave
    RefTime over_at;
    std::unique_ptr<net::Opener> opener;
    std::optional<std::uint32_t> id;  // as its order datagrams say
  };
  struct OrderRecord {
    std::uint64_t race = 0;
    RefTime instant;
    Endpoint source;
    HostId master = 0;
    HostId slave = 0;
    unsigned life = 0;  // of the slave's process that has the key
    AskId ask = 0;
    const Session* session = nullptr;
    bool stray = false;    // its session was over when it came, or before the slave's loop got to it
    bool arrived = false;  // at that process
    RefTime arrived_at;
    bool fired = false;
    bool refused = false;
    bool told = false;         // and its master knows
    std::uint64_t answer = 0;  // the packet that it became
    std::uint64_t echo_answer = 0;
    bool doubled = false;  // its client has taken it, and a second copy has found the port closed
    RefTime reached =
        RefTime::max();   // when the first of these came to the client's host, its port open or not
    bool echo = false;    // and it may be sent a second time,
    bool echoed = false;  // which it was
    bool shadow = false;  // and it may never be sent
    bool beacon = false;  // it leads to a beacon
    bool taken = false;   // its client believes it
  };
  struct OrderDatagram {
    std::vector<std::uint8_t> bytes;
    std::vector<OrderIndex> orders;
    std::uint64_t number = 0;
    unsigned life = 0;  // of the slave's process
    const Session* session = nullptr;
  };
  /// A race, as its first order told it.
  struct Race {
    RefTime instant;
    AskId ask = 0;
    unsigned runners = 0;     // answers, echoes included
    std::uint64_t first = 0;  // the number of its first order's datagram
    RefTime began{};
    bool for_nobody = false;  // its client had closed the port before
    bool judged = false;      // by its master, once at least
    bool beacon = false;
  };
  /// When a race started, to forget it in time.
  struct Started {
    RefTime when;
    std::uint64_t race = 0;
    std::string question;  // in `raced`
  };
  struct Slave {
    const Host* host = nullptr;
    std::vector<Endpoint> sources;
    Endpoint orders;
    Budget cap;
    unsigned life = 0;
  };
  struct Master {
    const Host* host = nullptr;
    std::vector<Endpoint> addresses;
    unsigned life = 0;
    GuardBudget guard;
    std::map<IpAddress, Budget> answers;            // by client network
    std::vector<std::optional<Directed>> directed;  // by service
    std::vector<master::BeaconWish> beacons;        // by service: which races may have them
    BeaconBudget beacon_tries;
    std::set<std::string> live, drained;
    RefTime fit_changed;  // one of these
    BookJudge book;
    std::unordered_map<std::string, std::pair<RefTime, AskId>> raced;  // by client and question
    std::unordered_map<std::uint64_t, Race> races;                     // by id
    std::deque<Started> started;
  };

  [[nodiscard]] Master& of(const Host& host);
  void forget();
  /// Calls `f` with each other master that shares its records with this one.
  template <class F>
  void others(const Host& master, const F& f) {
    if (sharing_.has(master.name()))
      for (Master& other : masters_)
        if (other.host != &master && sharing_.has(other.host->name())) f(other.book);
  }
  /// A master looks four times a second whether there is something new to be published.
  static constexpr Nanos kSettled = std::chrono::milliseconds(300);
  void check_directed(Master& master, const Ask& ask, const Packet& packet);
  [[nodiscard]] static const Directed* directed(const Master& master, const Ask& ask);
  /// Nothing for a name that is not raced.
  [[nodiscard]] static std::optional<std::size_t> service_of(const Ask& ask);
  [[nodiscard]] static std::uint16_t type_of(const Ask& ask);
  void sent_by_master(Master& master, const Packet& packet);
  void sent_by_slave(Slave& slave, const Packet& packet);
  void orders_sent(Master& master, Slave& slave, const Packet& packet);
  void order_sent(Master& master, const Slave& slave, const wire::Order& order, OrderDatagram& datagram);
  /// False when there is nobody to race for.
  bool race_started(Master& master, AskId id, const wire::Order& order);
  /// The session that this datagram opens with, and its plaintext within `copy`.
  Session* open(const Master& master, const Slave& slave, std::vector<std::uint8_t>& copy, Bytes& plain);
  void datagram_arrived(const Slave& slave, const Packet& packet);
  void fired(Slave& slave, OrderIndex index, const Packet& packet);
  void echoed(Slave& slave, OrderIndex index, const Packet& packet);
  void reached(const Flight& flight);
  void look_for_lost_orders();
  void beacon_race(Master& master, const Ask& ask);
  void beacon_ordered(const Master& master, const Race& race, const wire::Order& order);
  void beacon_fired(const Slave& slave, const OrderRecord& order, const Packet& packet);
  void name_server_sent(const Slave& slave, const Packet& packet);
  [[nodiscard]] bool misled(const Ask& ask, const Race& race, const OrderRecord& first) const;
  /// How long a master may not race this question again.
  [[nodiscard]] Nanos retry_window(const Master& master, const Ask& ask) const;
  /// When an order that arrived is fired at the latest.
  [[nodiscard]] RefTime fires_before(const OrderRecord& order) const;
  [[nodiscard]] bool excused(const OrderRecord& order) const;
  [[nodiscard]] bool excused(const Ask& ask) const;
  [[nodiscard]] bool failed(std::uint64_t packet) const;
  [[nodiscard]] bool above_limit(const Host& host, const Ask& ask);
  /// The bucket for ordinary answers to this client.
  [[nodiscard]] Budget& answers_to(Master& master, const IpAddress& client) const;
  [[nodiscard]] std::optional<AskId> find(const Endpoint& client, Bytes dns) const;
  template <class... Args>
  void breach(fmt::format_string<Args...> format, Args&&... args) {
    if (!broken_) broken_ = fmt::format(format, std::forward<Args>(args)...);
  }

  World& world_;  // NOLINT(*-ref-data-members)
  Promises promises_;
  SharingJudge sharing_;
  std::vector<Master> masters_;
  std::vector<Slave> slaves_;
  Window<Ask> asks_;
  Window<OrderRecord> orders_;
  OrderIndex checked_ = 0;  // until here it is known what became of each
  std::unordered_map<std::string, AskId> ask_of_;
  std::unordered_map<std::string, OrderDatagram> datagrams_;  // by key and clear header
  std::deque<std::pair<RefTime, std::string>> sent_datagrams_;
  std::map<net::SealKey, Session> sessions_;
  std::unordered_map<std::uint64_t, Flight> flights_;  // answers, by packet
  BeaconJudge beacons_;
  std::optional<std::string> broken_;
  JudgeCounters counters_;
};

}  // namespace flagfall::sim
