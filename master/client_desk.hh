// Who stands behind resolvers, and what that is worth: joins unique names with their fetches, remembers
// clients' networks, and turns what slaves measure of them into figures of their resolvers. Control thread
// only; in memory only, and networks only: no client's address is kept.
#pragma once

#include <vector>

#include "director/client_credit.hh"
#include "director/resolver_clients.hh"
#include "master/config.hh"
#include "master/race_records.hh"
#include "master/unique_names.hh"

namespace flagfall::master {

class ClientDesk {
 public:
  /// Figures of one report that are credited at most: of the control thread's time, milliseconds.
  static constexpr std::size_t kMostCredits = 4096;
  /// A network counts for a resolver only so often: one host that fetches all day is one voice.
  static constexpr Nanos kAgain = std::chrono::seconds(2);

  ClientDesk(const DirectorConfig& config, Random& random);

  /// True: its client, `name.who`, is now known to be behind a resolver, and may be measured.
  bool take(const UniqueName& name, MonoTime now);
  /// Appends to what this slave has measured what it says of resolvers.
  void credit(std::vector<director::Measure>& measures, std::uint16_t slave, MonoTime now);

  /// The resolver as it is remembered: as fine as clusters are.
  [[nodiscard]] IpAddress resolver(const IpAddress& address) const;
  [[nodiscard]] const director::ResolverClients& clients() const { return clients_; }

  /// f(name, counter): of unique names.
  template <class F>
  void for_each(F f) const {
    names_.counters().for_each(f);
    clients_.counters().for_each([&f](const char* name, const Counter& c) {
      f(std::string_view(name) == "seen" ? "pairs" : name, c);
    });
    credit_.counters().for_each(f);
  }

 private:
  unsigned finest_v4_, finest_v6_;
  UniqueNames names_;
  director::ResolverClients clients_;
  director::ClientCredit credit_;
};

}  // namespace flagfall::master
