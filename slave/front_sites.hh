// Which web requests at this slave's front end are which master's service, as the masters' Services say.
// Made anew with each of those; immutable; any thread. A look-up allocates nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/host_table.hh"
#include "common/wire/session.hh"

namespace flagfall::slave {

struct FrontSite {
  std::string service;
  std::uint32_t id = 0;       // the service's: equal for all its sites
  std::uint64_t masters = 0;  // bit i: master i has this service
  std::uint16_t strip = 0;    // as wire::WebSite has them
  std::string stands_for;
  bool disputed = false;  // two services have it: nobody's
};

class FrontSites {
 public:
  static constexpr std::size_t kMostMasters = 64;

  /// The latest Services of each master. Of two services with the same host and path the first master's
  /// counts.
  explicit FrontSites(std::span<const wire::Services> masters);

  struct Found {
    const FrontSite* site;
    std::string_view host;  // what was asked for, as the service has it: of the table or of `room`
    std::string_view path;  // the same; begins with "/" or "?", or is empty
  };
  [[nodiscard]] std::optional<Found> find(std::string_view host, std::string_view path,
                                          http::HostTable::Room& room) const noexcept;
  /// One line for each request that two services claim.
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  std::vector<FrontSite> sites_;
  http::HostTable table_;
  std::vector<std::string> complaints_;
};

}  // namespace flagfall::slave
