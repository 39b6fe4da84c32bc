// What a slave's front end is told of a client: whether its network belongs to that slave, to another one, or
// whether nobody can say. From the same view as redirects of the master itself. Pure; control thread.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/random.hh"
#include "common/wire/session.hh"
#include "master/config.hh"
#include "master/snapshot.hh"

namespace flagfall::master {

/// The web requests of a service that come to this slave: those for the service's hosts, and those for the
/// place where the slave's clients are sent, with what stands there in front of the path that was asked for.
std::vector<wire::WebSite> web_sites(const ServiceConfig& service, const SlaveConfig& slave);

class HomeDesk {
 public:
  explicit HomeDesk(Random& random) : lots_(random.next()) {}

  /// `snapshot` is of this configuration; `slave`: who asks, as an index into Snapshot::slaves.
  [[nodiscard]] wire::HomeAnswer answer(const Config& config, const Snapshot& snapshot, std::size_t slave,
                                        const wire::HomeQuestion& question) noexcept;

 private:
  SeededRandom lots_;
};

}  // namespace flagfall::master
