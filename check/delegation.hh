// Does the parent of a zone lead resolvers to our servers? What is asked over DNS,
// and the judgement of it. Asking blocks, for a few seconds at most; judging is
// pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "check/finding.hh"
#include "common/base/ip.hh"
#include "common/base/result.hh"
#include "common/base/time.hh"

namespace flagfall::check {

struct NameServer {
  std::string name;  // lower case, with the final dot
  std::vector<IpAddress> addresses;
  bool operator==(const NameServer&) const = default;
};

/// What a server says of a zone's name servers.
struct Delegation {
  bool exists = false;         // it knows NS records of the zone
  bool authoritative = false;  // it serves the zone itself
  std::string rcode;           // "NOERROR", "NXDOMAIN"
  std::vector<NameServer> servers;
};

/// How the zone is seen from outside, and what it should be.
struct DelegationFacts {
  std::string zone;      // "example.test", final dot or not
  std::string parent;    // who was asked: "a.gtld-servers.net. (192.0.2.53)"
  Delegation at_parent;  // its referral, with glue
  /// The same question to each of the servers that the parent names; none when it did not answer.
  struct Served {
    std::string name;
    IpAddress address;
    std::optional<Delegation> says;
  };
  std::vector<Served> served;
  /// The addresses that serve the zone, by configuration.
  std::vector<IpAddress> ours;
  /// Of a zone that is left to slaves: their names as name servers, which are exactly what the zone above
  /// must name; `ours` is not looked at then. Empty: a zone of the master's own.
  std::vector<std::string> slaves;
};
void judge_delegation(const DelegationFacts& facts, Findings& out);

/// Asks one server for the NS records of a zone, with or without recursion.
Result<Delegation> ask_delegation(const Endpoint& server, const std::string& zone, bool recursive);
/// The addresses of a host, as a server knows them; a resolver looks for them when asked with recursion.
std::vector<IpAddress> ask_addresses(const Endpoint& server, const std::string& host, bool recursive);

struct Parent {
  std::string name;
  Endpoint at;
};
/// As it is asked and compared: lower case, with the final dot.
std::string dotted(std::string zone);
/// A server of the zone above, found through a resolver.
Result<Parent> find_parent(const Endpoint& resolver, const std::string& zone);
/// Everything that judge_delegation wants.
Result<DelegationFacts> look_at_delegation(const Parent& parent, const std::optional<Endpoint>& resolver,
                                           const std::string& zone, std::vector<IpAddress> ours);

/// The first `nameserver` in the text of a resolv.conf.
std::optional<Endpoint> first_resolver(std::string_view text);

}  // namespace flagfall::check
