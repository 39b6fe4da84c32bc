// A client with its resolver: asks, waits, asks again, takes the first answer and
// closes the port. Retry schedules follow what stubs and unbound are known to do;
// nothing is cached.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/dns_text.hh"
#include "sim/host.hh"
#include "sim/judge.hh"

namespace flagfall::sim {

struct ResolverStyle {
  const char* name = "stub";
  Nanos timeout = std::chrono::seconds(5);
  unsigned growth = 1;  // of the time-out, from one try to the next
  unsigned tries = 2;
  bool new_port = false;  // and a new id, for every try
  bool edns = false;
  bool cookies = false;
  bool mixed_case = false;
};

/// glibc's stub, unbound, and a cautious forwarder.
extern const std::vector<ResolverStyle> kResolverStyles;

class Client final : public Host {
 public:
  struct Options {
    IpAddress address;
    std::vector<Endpoint> servers;      // tried in turn
    std::set<IpAddress> right_answers;  // what A and AAAA queries for raced names may bring
    ResolverStyle style;
  };
  Client(World& world, HostId id, SiteId site, const std::string& name, Options options, Judge& judge);

  void ask(const std::string& name, std::uint16_t type);
  [[nodiscard]] std::size_t waiting() const { return lookups_.size(); }
  [[nodiscard]] std::uint64_t asked() const { return next_; }

  [[nodiscard]] bool listens(const Endpoint& at) const override { return ports_.contains(at.port); }
  void receive(const Packet& packet) override;

 private:
  struct Lookup {
    QueryText query;
    std::uint16_t port = 0;
    Endpoint server;
    std::vector<std::uint8_t> sent;
    std::vector<AskId> tries;
    Nanos timeout{};
  };
  void process_started() override {}
  void process_gone() override {}
  void send(std::uint64_t number);
  void time_out(std::uint64_t number, std::size_t tries);
  void open_port(Lookup& lookup, std::uint64_t number);
  void check(const Lookup& lookup, const AnswerText& answer);

  Options options_;
  Judge& judge_;  // NOLINT(*-ref-data-members)
  SeededRandom random_;
  std::map<std::uint64_t, Lookup> lookups_;
  std::map<std::uint16_t, std::uint64_t> ports_;  // open ones, and whose
  std::vector<std::uint8_t> client_cookie_;
  std::map<Endpoint, std::vector<std::uint8_t>> cookies_;  // client's and server's, by server
  std::uint64_t next_ = 0;
};

}  // namespace flagfall::sim
