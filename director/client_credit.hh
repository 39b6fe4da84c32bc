// What is measured of end clients, credited to the resolver that asks for them: the mean of the figures of
// the networks behind it, by their shares. Only figures of paths, never a race's verdict, which belongs to
// the packet's source. Pure; one owner thread.
#pragma once

#include <unordered_map>
#include <vector>

#include "common/base/counters.hh"
#include "director/evidence.hh"
#include "director/resolver_clients.hh"

namespace flagfall::director {

struct ClientCreditOptions {
  Nanos fresh = std::chrono::hours(1);  // older figures do not count
  double least_share = 0.2;             // networks with less of a resolver's clients do not speak for it
  double least_seen = 2.5;              // what the shares rest on; few are chance, or made up
  std::size_t networks = 65'536;        // with figures at once
};

struct ClientCreditCounters {
  Counter credited;  // figures of clients, for each resolver
  Counter thin;      // not: too little of the resolver's clients is known
  Counter no_room;   // no figure is kept of the network
  template <class F>
  void for_each(F f) const {
    f("credited", credited);
    f("thin", thin);
    f("no_room", no_room);
  }
};

class ClientCredit {
 public:
  using Options = ClientCreditOptions;
  ClientCredit(const Options& options, Random& random);

  /// `slave` has measured this of a client. Appends what is now known of resolvers by that slave; `server` of
  /// a measure is as it was, `about` is the resolver, with its family's `length`.
  void measured(const ResolverClients& clients, const Measure& measure, std::uint16_t slave, MonoTime now,
                std::vector<Measure>& out);
  [[nodiscard]] const ClientCreditCounters& counters() const { return counters_; }

 private:
  struct Figure {
    std::uint16_t slave = 0;
    Kind kind = Kind::ping;
    double value = 0;
    MonoTime at;
  };
  struct Hash {
    SeededHash hash;
    std::size_t operator()(const IpAddress& ip) const {
      return hash.finish(hash.mix(hash.start(), ip.bytes()));
    }
  };
  [[nodiscard]] bool keep(const IpAddress& network, const Figure& figure);
  [[nodiscard]] const Figure* find(const IpAddress& network, std::uint16_t slave, Kind kind,
                                   MonoTime now) const;

  Options options_;
  std::unordered_map<IpAddress, std::vector<Figure>, Hash> figures_;  // the latest, by client network
  MonoTime swept_;
  ClientCreditCounters counters_;
};

}  // namespace flagfall::director
