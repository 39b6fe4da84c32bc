// A client with its resolver: asks, waits, asks again as resolver.hh says, takes
// the first answer and closes the port. Resolvers keep answers as long as their
// TTL allows, and ask once for all who want the same. They follow a CNAME: to the
// masters for the delegation of its zone, once, and then to that zone's name server.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/dns_text.hh"
#include "sim/host.hh"
#include "sim/judge.hh"
#include "sim/resolver.hh"

namespace flagfall::sim {

struct ClientCounters {
  std::uint64_t wanted = 0;      // look-ups, of which
  std::uint64_t from_cache = 0;  // these needed no query, and
  std::uint64_t joined = 0;      // these came while the same was under way
  std::uint64_t followed = 0;    // CNAMEs
  std::uint64_t icmp = 0;        // tries that an ICMP error ended
  std::uint64_t forged = 0;      // forged answers that found an open port

  ClientCounters& operator+=(const ClientCounters& o) {
    wanted += o.wanted;
    from_cache += o.from_cache;
    joined += o.joined;
    followed += o.followed;
    icmp += o.icmp;
    forged += o.forged;
    return *this;
  }
};

class Client final : public Host {
 public:
  struct Options {
    IpAddress address;
    std::vector<Endpoint> servers;
    std::set<IpAddress> right_answers;  // what A and AAAA queries for raced names may bring
    ResolverStyle style;
    std::optional<HostId> forger{};  // whose answers are nobody's fault
    bool may_be_refused = false;     // where no server is fit
    Nanos least_ttl{};               // caches keep everything for so long at least
  };
  Client(World& world, HostId id, SiteId site, const std::string& name, Options options, Judge& judge);

  void ask(const std::string& name, std::uint16_t type);
  [[nodiscard]] std::size_t waiting() const { return lookups_.size(); }
  [[nodiscard]] const ClientCounters& counters() const { return counters_; }

  [[nodiscard]] bool listens(const Endpoint& at) const override { return ports_.contains(at.port); }
  void receive(const Packet& packet) override;
  void icmp(const IcmpError& error) override;

 private:
  using Question = std::pair<std::string, std::uint16_t>;
  /// The name servers of a zone, and what is known of them.
  struct Servers {
    std::vector<Endpoint> at;
    std::vector<RoundTrips> known;
  };
  struct Cut {
    Servers servers;
    MonoTime until;
  };
  struct Alias {
    std::string target;
    MonoTime until;
  };
  struct Lookup {
    Question wanted;
    Servers* servers;  // that are asked now
    Tries plan;
    MonoTime started;
    std::string target{};  // the CNAME that it follows; empty: none yet
    QueryText query{};
    std::uint16_t port = 0;
    Try now{};
    MonoTime sent_at{};
    std::vector<std::uint8_t> sent{};
    std::vector<AskId> tries{};  // of this query
    unsigned sent_count = 0;     // of all its queries
  };
  void process_started() override {}
  void process_gone() override {}
  void send(std::uint64_t number);
  /// A query of its own for the look-up.
  void query(std::uint64_t number, const std::string& name, Servers& servers);
  void follow(std::uint64_t number, const std::string& target);
  void learn_cut(const Lookup& lookup, const AnswerText& answer);
  void found(std::uint64_t number, const AnswerText& answer);
  void time_out(std::uint64_t number, unsigned sent_count);
  void open_port(Lookup& lookup, std::uint64_t number);
  void close(std::uint64_t number);
  /// It asks for the delegation of its target's zone.
  [[nodiscard]] bool seeks_cut(const Lookup& lookup) const {
    return !lookup.target.empty() && lookup.servers == &masters_;
  }
  [[nodiscard]] static bool fits(const Lookup& lookup, const Packet& packet,
                                 const std::optional<AnswerText>& answer);
  void check(const Lookup& lookup, const AnswerText& answer);

  Options options_;
  Judge& judge_;  // NOLINT(*-ref-data-members)
  SeededRandom random_;
  std::map<std::uint64_t, Lookup> lookups_;
  std::map<std::uint16_t, std::uint64_t> ports_;  // open ones, and whose
  std::map<Question, std::uint64_t> under_way_;
  std::map<Question, MonoTime> cached_;   // until when
  std::map<std::string, Alias> aliases_;  // CNAMEs, by name
  Servers masters_;
  std::map<std::string, Cut> cuts_;  // delegations, by zone
  std::vector<std::uint8_t> client_cookie_;
  std::map<Endpoint, std::vector<std::uint8_t>> cookies_;  // client's and server's, by server
  std::uint64_t next_ = 0;
  ClientCounters counters_;
};

}  // namespace flagfall::sim
