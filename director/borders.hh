// Which way out of the network is best for a client: borders, the delays between sites inside, and pings, as
// WO 98/26559 has them (its §4.1, steps 516 to 520). Pure; any thread.
//
// The path metric of a site and a border is
//
//   2 * out(border) + 2 * internal(site, border) + in(contact) + internal(contact, site)
//
// the way of an answer out by the border, counted twice because there is more of it than of questions, and
// the way of a question in, by the site where the request came in (the contact). The document's comment says
// so
// ("from server, through border, to client, back through 1st contact border, to server"), but its line of
// code ends in internal{"$border $contact_site"}: questions would pass the border that answers leave by, and
// never come to the server. Ours ends at the server.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "director/config.hh"

namespace flagfall::director {

using SiteIndex = std::uint8_t;
using BorderIndex = std::uint8_t;

/// Sites and borders by their places in the configuration; borders of all sites in one row.
class Network {
 public:
  /// Checked before (check_sites()).
  Network(const std::vector<SiteConfig>& sites, const std::vector<InternalConfig>& internal);

  [[nodiscard]] std::size_t sites() const { return sites_; }
  [[nodiscard]] std::size_t borders() const { return border_site_.size(); }
  [[nodiscard]] SiteIndex site_of(BorderIndex border) const { return border_site_.at(border); }
  /// Seconds, one way; 0 within a site.
  [[nodiscard]] double internal(SiteIndex from, SiteIndex to) const { return delay_.at(from * sites_ + to); }

 private:
  std::size_t sites_;
  std::vector<SiteIndex> border_site_;
  std::vector<double> delay_;
};

/// One way, in seconds.
struct OneWay {
  std::vector<std::optional<double>> out;  // by border, to the client
  double in = 0;  // from the client to the contact; 0 where it is not known: it is the
                  // same for every path
};

/// What round trips say of one way. `pings`: by border, in seconds; a border whose ping was not answered has
/// none, and no path then leads by it.
///
/// `own`: replies come back the way they went, so one way is half of the ping. `shared`: all sites ping from
/// one address, and replies enter at the contact: its ping is halved, and what the others' replies need from
/// there to the site that asked is taken off: out(b) = ping(b) - in(contact) - internal(contact, site of b).
/// Without a ping at the contact nothing is known. A result below 0 is measurement noise, and counts as 0.
/// Of several borders at the contact the one with the shortest ping is where the request came in.
OneWay one_way(const Network& network, SiteIndex contact, std::span<const std::optional<double>> pings,
               PingSource source);

struct Path {
  SiteIndex site = 0;
  BorderIndex border = 0;
  double metric = 0;  // seconds
  bool operator==(const Path&) const = default;
};

/// Every site by every border that has a figure, best first.
std::vector<Path> paths(const Network& network, SiteIndex contact, const OneWay& one_way);

}  // namespace flagfall::director
