// Does a TLS peer answer, and who is it? One handshake, blocking, bounded; then
// the connection is closed. For `flagfall check`: nothing of the protocol inside.
#pragma once

#include <string>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/result.hh"
#include "common/base/time.hh"
#include "common/net/tls.hh"

namespace flagfall::net {

/// The names in the certificate of who listens at `to`. An error says whether the connection, the handshake
/// or the peer's view of our certificate failed. `context` is a client's.
Result<std::vector<std::string>> tls_reach(const TlsContext& context, const Endpoint& to, Nanos patience);

}  // namespace flagfall::net
