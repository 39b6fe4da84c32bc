// The front ends of web clients as the configuration wants them: one loop, and thread, for each scheme that
// is listened for. Control thread; reads certificates.
#pragma once

#include <memory>
#include <vector>

#include "master/config.hh"
#include "master/http_loop.hh"
#include "master/race_keeper.hh"

namespace flagfall::master {

/// Those that there will be.
unsigned web_loops(const Config& config);

/// Null: nobody is served over TLS.
Result<std::shared_ptr<const net::WebTls>> load_web_tls(const Config& config);

struct WebNeeds {
  const Config& config;
  const Clock& clock;
  Random& random;
  RaceKeeper& races;
  const std::shared_ptr<const Snapshot>& first;
  std::shared_ptr<const net::WebTls> tls;  // of load_web_tls()
  std::uint64_t epoch;
  unsigned loops_before;  // their numbers are taken, and their rings
};
/// Binds their sockets; says so when redirects cannot be raced. Throws std::system_error.
std::vector<std::unique_ptr<HttpLoop>> open_web(const WebNeeds& needs);

}  // namespace flagfall::master
