// Which service a web request is for, by its host and its path, and where its servers' clients are sent.
// Built once for each configuration; immutable; any thread. A look-up allocates nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.hh"
#include "common/http/host_table.hh"
#include "director/order.hh"
#include "master/http_answer.hh"
#include "master/web_scheme.hh"

namespace flagfall::master {

struct Config;
struct ServiceConfig;

/// What a redirect for one service needs.
struct HttpSite {
  std::uint16_t service = 0;
  unsigned status = 302;
  unsigned status_other = 307;
  std::uint32_t max_age = 0;  // seconds that a bound client may keep its redirect
  std::string retry_after;    // the field that says how long to wait while nobody can be named
  std::vector<std::optional<HttpLocation>> locations;  // by server
  director::ServerMask able = 0;                       // servers with a location
  bool contents = false;                               // races are for the servers' content
  std::vector<HttpLocation> instead;                   // all_down's addresses, one a family at most
};

class HttpSites {
 public:
  /// Of what is asked by this scheme: http and https have the same.
  HttpSites(const Config& config, WebScheme scheme);

  struct Found {
    const HttpSite* site = nullptr;  // none: nobody holds it
    std::string_view host;           // as it is configured and compared: of `room`
  };
  /// The exact host, otherwise the longest wildcard that holds it; of its services the one with the longest
  /// path. `host` and `path`: as http::Request has them.
  using HostRoom = http::HostTable::Room;
  [[nodiscard]] Found find(std::string_view host, std::string_view path, HostRoom& room) const noexcept;
  /// Of this service; null: it has no hosts.
  [[nodiscard]] const HttpSite* of(std::size_t service) const noexcept;
  [[nodiscard]] bool empty() const { return table_.empty(); }

 private:
  std::vector<HttpSite> sites_;
  http::HostTable table_;
};

}  // namespace flagfall::master
