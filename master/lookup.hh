// GET /lookup (docs/admin.md): which servers a client should use, for programs that are no resolver. What it
// says is what a DNS answer to that client would: the same view, the same line-up, the same records. Control
// thread only; decides nothing.
#pragma once

#include <string>

#include "common/net/admin.hh"
#include "master/director_desk.hh"
#include "master/guide.hh"
#include "master/snapshot.hh"

namespace flagfall::master {

class Lookup {
 public:
  /// `desk` and `published`, the last snapshot, outlive it.
  Lookup(const DirectorDesk& desk, const Snapshot& published, Random& random)
      : desk_(desk), published_(published), guide_({.client_subnet = false}, random), lots_(random.next()) {}

  /// ?client=ADDRESS and service=NAME; or host=NAME, a name that the service answers for; or host=NAME and
  /// path=PATH, or url=URL, which the service holds for web clients.
  [[nodiscard]] net::AdminReply look_up(const net::AdminRequest& request);

 private:
  /// The service that is asked for; otherwise why there is none.
  [[nodiscard]] Result<std::size_t> service_of(const net::AdminRequest& request) const;
  [[nodiscard]] Result<std::size_t> by_name(const std::string* name, const std::string* host) const;
  [[nodiscard]] Result<std::size_t> at_site(WebScheme scheme, std::string_view host,
                                            std::string_view path) const;

  const DirectorDesk& desk_;   // NOLINT(*-ref-data-members)
  const Snapshot& published_;  // NOLINT(*-ref-data-members)
  Guide guide_;
  SeededRandom lots_;
};

/// Whether a service with this name ("www.example.test", "*.example.test") answers for a host: itself, or
/// what lies below a wildcard. ASCII case and a final dot do not matter.
bool answers_for(const std::string& name, const std::string& host);

}  // namespace flagfall::master
