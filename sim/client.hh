// A client with its resolver: asks, waits, asks again as resolver.hh says, takes
// the first answer and closes the port. Resolvers keep answers as long as their
// TTL allows, and ask once for all who want the same.
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
  std::uint64_t icmp = 0;        // tries that an ICMP error ended
  std::uint64_t forged = 0;      // forged answers that found an open port

  ClientCounters& operator+=(const ClientCounters& o) {
    wanted += o.wanted;
    from_cache += o.from_cache;
    joined += o.joined;
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
  struct Lookup {
    Tries plan;
    MonoTime started;
    QueryText query{};
    std::uint16_t port = 0;
    Try now{};
    MonoTime sent_at{};
    std::vector<std::uint8_t> sent{};
    std::vector<AskId> tries{};
  };
  void process_started() override {}
  void process_gone() override {}
  void send(std::uint64_t number);
  void time_out(std::uint64_t number, std::size_t tries);
  void open_port(Lookup& lookup, std::uint64_t number);
  void close(std::uint64_t number);
  [[nodiscard]] bool fits(const Lookup& lookup, const Packet& packet,
                          const std::optional<AnswerText>& answer) const;
  void check(const Lookup& lookup, const AnswerText& answer);

  Options options_;
  Judge& judge_;  // NOLINT(*-ref-data-members)
  SeededRandom random_;
  std::map<std::uint64_t, Lookup> lookups_;
  std::map<std::uint16_t, std::uint64_t> ports_;  // open ones, and whose
  std::map<Question, std::uint64_t> under_way_;
  std::map<Question, MonoTime> cached_;  // until when
  std::vector<RoundTrips> known_;        // by server
  std::vector<std::uint8_t> client_cookie_;
  std::map<Endpoint, std::vector<std::uint8_t>> cookies_;  // client's and server's, by server
  std::uint64_t next_ = 0;
  ClientCounters counters_;
};

}  // namespace flagfall::sim
