// The admin routes of the directors (docs/admin.md): what they know and why, and an operator's word. Control
// thread only; decides nothing.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "common/net/admin.hh"
#include "master/director_census.hh"
#include "master/director_desk.hh"
#include "master/director_keeper.hh"

namespace flagfall::master {

class DirectorRoutes {
 public:
  /// Bindings in one reply at most.
  static constexpr std::size_t kMostBindings = 5000;
  /// And in one import.
  static constexpr std::size_t kMostImport = 100'000;

  /// All outlive the routes and the server's use of them.
  DirectorRoutes(DirectorDesk& desk, DirectorKeeper& keeper, const Clock& clock)
      : desk_(desk), keeper_(keeper), clock_(clock), census_(desk) {}
  void add_to(net::AdminServer& server);

  /// How many networks each server has, by service.
  [[nodiscard]] const std::vector<DirectorCensus::Service>& census() const {
    return census_.look(clock_.mono());
  }
  /// `director` in GET /status; null: no service has one.
  [[nodiscard]] nlohmann::json status() const;
  [[nodiscard]] net::AdminReply bindings(const net::AdminRequest& request) const;
  [[nodiscard]] net::AdminReply explain(const net::AdminRequest& request) const;
  net::AdminReply bind(const net::AdminRequest& request);
  net::AdminReply unbind(const net::AdminRequest& request);
  net::AdminReply import(const net::AdminRequest& request);
  net::AdminReply drain(const net::AdminRequest& request, bool drained);

 private:
  /// The named service that has a director; the only one when none is named. Otherwise why not.
  [[nodiscard]] Result<std::size_t> service(const std::string* name) const;
  [[nodiscard]] nlohmann::json binding_json(std::size_t service, const director::Binding& binding) const;
  [[nodiscard]] nlohmann::json explain_json(std::size_t service, const IpAddress& address) const;
  /// Who stands behind this resolver; null: nothing is known of that.
  [[nodiscard]] nlohmann::json clients_json(const IpAddress& address) const;
  [[nodiscard]] nlohmann::json names(std::size_t service, const director::Order& order) const;
  /// Binds as a request's object says; an error in words.
  Status bind(const nlohmann::json& wish);

  DirectorDesk& desk_;             // NOLINT(*-ref-data-members)
  DirectorKeeper& keeper_;         // NOLINT(*-ref-data-members)
  const Clock& clock_;             // NOLINT(*-ref-data-members)
  mutable DirectorCensus census_;  // a memory of the last count
};

}  // namespace flagfall::master
