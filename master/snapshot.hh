// What the request loops know of the world: an immutable value that the control
// thread publishes and each loop takes over between two bursts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clocksync/ref_clock.hh"
#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/dns/cookies.hh"
#include "common/dns/rate_limit.hh"
#include "common/dns/zone.hh"
#include "common/net/seal.hh"
#include "director/view.hh"
#include "master/beacon_wish.hh"
#include "master/server_answers.hh"
#include "master/web_scheme.hh"

namespace flagfall::master {

/// A configured slave's session; `live` false when it has none. Its position is
/// the slave's index in the configuration, the same in every snapshot.
struct SlaveSession {
  bool live = false;
  std::uint32_t session = 0;
  net::SealKey key{};
  Endpoint orders;
  bool operator==(const SlaveSession&) const = default;
};

/// A slave that is fit to race for one service.
struct Runner {
  std::uint16_t slave = 0;           // index into Snapshot::slaves
  std::uint16_t service = 0;         // index into the Services message of that slave's session
  std::uint32_t ready = 0;           // bit i: it can send from the service's address i
  bool beacon = false;               // it answers for its beacon zone
  director::ServerIndex server = 0;  // which of the service's servers it is
  bool operator==(const Runner&) const = default;
};

/// Where late answers are dropped, or a slave has refused or failed orders within the
/// last minute, a race may end in silence although nothing was lost; dig and glibc
/// ask again only after 5 s, and then must be answered.
inline constexpr Nanos kDropRetry = std::chrono::seconds(6);

struct RacedService {
  Nanos delay{};
  Nanos retry_window{};    // when longer than the configured one: see kDropRetry
  bool delegated = false;  // resolvers ask the slaves themselves
  bool shadow = false;     // slaves withhold their answers, the master gives its own
  double race_share = 1;
  BeaconWish beacon;
  bool has_v4 = false;  // some configured slave has an IPv4 answer, fit or not
  bool has_v6 = false;
  std::vector<Runner> v4;   // fit slaves with IPv4 answers: they race A queries
  std::vector<Runner> v6;   // AAAA
  std::vector<Runner> web;  // fit slaves with a location: they race redirects
  /// Of a service of datagrams: fit slaves whose backend answers; and those that can answer without a race,
  /// which needs no good clock.
  std::vector<Runner> udp;
  std::vector<Runner> alone;
  /// The director's; none: every query is raced, and what cannot be gets the zone's records.
  std::shared_ptr<const director::View> view;
  std::shared_ptr<const ServerAnswers> servers;  // with a view
  std::vector<std::uint16_t> slaves;             // by server: its slave
  Nanos wait{};                                  // for pings of a network of which nothing is known
  bool nobody_fit = false;                       // the view's servers are what is answered all the same
  bool counted = false;                          // its servers have limits: who asks how much is wanted
  bool refuse = false;                           // and then nothing is answered: REFUSED
  bool operator==(const RacedService&) const = default;
};

using Zones = dns::Zones;

class HttpSites;  // master/http_sites.hh

struct Snapshot {
  std::shared_ptr<const Zones> zones;           // none: those that the front end has stay
  std::shared_ptr<const dns::Cookies> cookies;  // the same
  std::shared_ptr<const HttpSites> http;        // which service a web request is for, also over TLS,
  std::shared_ptr<const HttpSites> rtsp;        // and which one an RTSP request
  std::vector<SlaveSession> slaves;
  std::vector<RacedService> services;
  clocksync::RefMap clock;                         // the master's own
  Nanos max_error{};                               // above this bound: no race
  std::optional<dns::RateLimit::Options> limit{};  // of DNS answers; none: what there is stays
  Nanos gather{};  // how long queries may wait for each other; goes with the delays
  bool paused = false;

  [[nodiscard]] const std::shared_ptr<const HttpSites>& sites_of(WebScheme scheme) const {
    return scheme == WebScheme::rtsp ? rtsp : http;
  }
  [[nodiscard]] bool same_limit(const Snapshot& o) const {
    if (!limit || !o.limit) return limit.has_value() == o.limit.has_value();
    return limit->network.rate == o.limit->network.rate && limit->network.burst == o.limit->network.burst &&
           limit->slip == o.limit->slip;
  }
  /// Nothing but the clock differs, and not by a new measurement either.
  [[nodiscard]] bool same_as(const Snapshot& o) const {
    return zones == o.zones && cookies == o.cookies && http == o.http && rtsp == o.rtsp && same_limit(o) &&
           slaves == o.slaves && services == o.services && paused == o.paused && gather == o.gather &&
           clock.status == o.clock.status && clock.measured == o.clock.measured &&
           clock.offset == o.clock.offset;
  }
};

}  // namespace flagfall::master
