#include "check/delegation.hh"

#include <fmt/core.h>
#include <ldns/ldns.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <set>
#include <string_view>

namespace flagfall::check {
namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr timeval kPatience{1, 500'000};
constexpr std::uint8_t kTries = 2;
/// Of one zone; more are not asked one by one.
constexpr std::size_t kMostServers = 16;

struct Free {
  void operator()(ldns_resolver* r) const { ldns_resolver_deep_free(r); }
  void operator()(ldns_pkt* p) const { ldns_pkt_free(p); }
  void operator()(ldns_rdf* r) const { ldns_rdf_deep_free(r); }
  void operator()(ldns_rr_list* l) const { ldns_rr_list_deep_free(l); }
  void operator()(char* text) const { free(text); }  // NOLINT(*-no-malloc,*-owning-memory): ldns made it
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Owned<ldns_rdf> rdf_of(const std::string& name) {
  return Owned<ldns_rdf>(ldns_dname_new_frm_str(name.c_str()));
}

std::string name_of(const ldns_rdf* name) {
  const Owned<char> text(ldns_rdf2str(name));
  return text ? lower(text.get()) : std::string();
}

std::optional<IpAddress> address_of(const ldns_rr* rr) {
  const ldns_rdf* data = ldns_rr_rd_count(rr) == 1 ? ldns_rr_rdf(rr, 0) : nullptr;
  const std::size_t size = data == nullptr ? 0 : ldns_rdf_size(data);
  if (size != 4 && size != 16) return std::nullopt;
  return ip_from_bytes(Bytes(ldns_rdf_data(data), size));
}

Result<Owned<ldns_pkt>> ask(const Endpoint& server, const std::string& name, ldns_rr_type type,
                            bool recursive) {
  const Owned<ldns_resolver> resolver(ldns_resolver_new());
  const Owned<ldns_rdf> question(rdf_of(name));
  const Owned<ldns_rdf> address(
      ldns_rdf_new_frm_data(server.ip.family == Family::v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA,
                            server.ip.size(), server.ip.octets.data()));
  if (!resolver || !question || !address) return Error{fmt::format("'{}' is no name", name)};
  if (ldns_resolver_push_nameserver(resolver.get(), address.get()) != LDNS_STATUS_OK)
    return Error{"no server"};
  ldns_resolver_set_port(resolver.get(), server.port);
  ldns_resolver_set_timeout(resolver.get(), kPatience);
  ldns_resolver_set_retry(resolver.get(), kTries);
  ldns_resolver_set_retrans(resolver.get(), 1);
  ldns_resolver_set_recursive(resolver.get(), recursive);
  ldns_resolver_set_fail(resolver.get(), false);  // SERVFAIL is an answer
  ldns_pkt* got = nullptr;
  const ldns_status status = ldns_resolver_send(&got, resolver.get(), question.get(), type, LDNS_RR_CLASS_IN,
                                                recursive ? LDNS_RD : 0);
  Owned<ldns_pkt> owned(got);
  if (status != LDNS_STATUS_OK || !owned)
    return Error{fmt::format("{} does not answer ({})", to_string(server), ldns_get_errorstr_by_id(status))};
  return owned;
}

std::string rcode_of(const ldns_pkt& packet) {
  const Owned<char> text(ldns_pkt_rcode2str(ldns_pkt_get_rcode(&packet)));
  return text ? text.get() : std::string("?");
}

void add_servers(const ldns_rr_list* list, const std::string& zone, Delegation& out) {
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
    const ldns_rr* rr = ldns_rr_list_rr(list, i);
    if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_NS || ldns_rr_rd_count(rr) != 1) continue;
    if (name_of(ldns_rr_owner(rr)) != zone) continue;
    out.exists = true;
    if (out.servers.size() < kMostServers) out.servers.push_back({name_of(ldns_rr_rdf(rr, 0)), {}});
  }
}

void add_glue(const ldns_rr_list* list, Delegation& out) {
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
    const ldns_rr* rr = ldns_rr_list_rr(list, i);
    const auto type = ldns_rr_get_type(rr);
    if (type != LDNS_RR_TYPE_A && type != LDNS_RR_TYPE_AAAA) continue;
    const auto address = address_of(rr);
    const std::string owner = name_of(ldns_rr_owner(rr));
    for (NameServer& server : out.servers)
      if (address && server.name == owner && server.addresses.size() < kMostServers)
        server.addresses.push_back(*address);
  }
}

bool within(const std::string& name, const std::string& zone) {
  return name == zone || (name.ends_with(zone) && name[name.size() - zone.size() - 1] == '.');
}

std::set<std::string> names_of(const Delegation& d) {
  std::set<std::string> out;
  for (const NameServer& s : d.servers) out.insert(s.name);
  return out;
}

std::string joined(const std::set<std::string>& names) {
  std::string out;
  for (const std::string& n : names) out += (out.empty() ? "" : ", ") + n;
  return out.empty() ? "none" : out;
}

bool holds(const std::vector<IpAddress>& all, const IpAddress& one) {
  return std::ranges::find(all, one) != all.end();
}

std::set<std::string> slave_names(const DelegationFacts& f) {
  std::set<std::string> out;
  for (const std::string& s : f.slaves) out.insert(dotted(s));
  return out;
}

void judge_glue(const DelegationFacts& f, const std::string& subject, Findings& out) {
  const std::string zone = dotted(f.zone);
  for (const NameServer& server : f.at_parent.servers)
    if (within(server.name, zone) && server.addresses.empty())
      out.problem(subject,
                  fmt::format("glue is missing: the parent names {}, and has no address of it", server.name),
                  fmt::format("give the parent an A (and AAAA) record of {}: nobody finds it otherwise",
                              server.name));
  const std::set<std::string> named = names_of(f.at_parent);
  const std::set<std::string> slaves = slave_names(f);
  if (!slaves.empty() && named != slaves)
    out.problem(subject, fmt::format("{} names {}, not {}", f.parent, joined(named), joined(slaves)),
                "correct its NS records, or `nameserver` in [[slave]]");
  if (!slaves.empty()) return;
  const bool any = std::ranges::any_of(f.served, [&](const auto& s) { return holds(f.ours, s.address); });
  if (!f.served.empty() && !any)
    out.problem(subject, "none of the addresses that the parent leads to is one of dns.listen here",
                "add an NS record with this master's address at the parent, or correct dns.listen");
}

void judge_served(const DelegationFacts& f, const std::string& subject, Findings& out) {
  for (const DelegationFacts::Served& served : f.served) {
    const std::string who = fmt::format("{} ({})", served.name, to_string(served.address));
    if (!served.says)
      out.warning(subject, fmt::format("{} does not answer from here", who),
                  "is it running, and does the firewall let UDP and TCP 53 in?");
    else if (!served.says->authoritative)
      out.problem(subject, fmt::format("{} is not authoritative: {}", who, served.says->rcode),
                  f.slaves.empty()
                      ? "load the zone there, or take its NS record away at the parent"
                      : "is the address in that slave's dns.listen, and its session with this master up?");
    else if (names_of(*served.says) != names_of(f.at_parent))
      out.warning(subject,
                  fmt::format("{} names {} as servers, the parent {}", who, joined(names_of(*served.says)),
                              joined(names_of(f.at_parent))),
                  "make the NS records in the zone and at the parent the same");
  }
}

}  // namespace

std::string dotted(std::string zone) {
  if (!zone.ends_with('.')) zone += '.';
  return lower(std::move(zone));
}

void judge_delegation(const DelegationFacts& f, Findings& out) {
  const std::string subject = "delegation of " + f.zone;
  const std::size_t before = out.count(Grade::problem) + out.count(Grade::warning);
  if (!f.at_parent.exists)
    return out.problem(
        subject, fmt::format("{} has none ({})", f.parent, f.at_parent.rcode),
        f.slaves.empty()
            ? std::string("let who runs the zone above add NS records, with glue, that lead here")
            : fmt::format("add NS records to the zone above, and reload: {}", joined(slave_names(f))));
  judge_glue(f, subject, out);
  judge_served(f, subject, out);
  if (out.count(Grade::problem) + out.count(Grade::warning) > before) return;
  if (f.served.empty())
    out.skipped(subject,
                fmt::format("{} names {}, whose addresses cannot be found from here", f.parent,
                            joined(names_of(f.at_parent))),
                "name a resolver that can be reached (--resolver)");
  else
    out.ok(subject, fmt::format("{} leads to {}, which serve{} it", f.parent, joined(names_of(f.at_parent)),
                                f.at_parent.servers.size() == 1 ? "s" : ""));
}

Result<Delegation> ask_delegation(const Endpoint& server, const std::string& zone, bool recursive) {
  const auto packet = ask(server, dotted(zone), LDNS_RR_TYPE_NS, recursive);
  if (!packet) return Error{packet.error()};
  Delegation out;
  out.rcode = rcode_of(**packet);
  out.authoritative = ldns_pkt_aa(packet->get());
  for (const ldns_rr_list* section : {ldns_pkt_answer(packet->get()), ldns_pkt_authority(packet->get())})
    add_servers(section, dotted(zone), out);
  add_glue(ldns_pkt_additional(packet->get()), out);
  return out;
}

std::vector<IpAddress> ask_addresses(const Endpoint& server, const std::string& host, bool recursive) {
  std::vector<IpAddress> out;
  for (const ldns_rr_type type : {LDNS_RR_TYPE_A, LDNS_RR_TYPE_AAAA}) {
    const auto packet = ask(server, dotted(host), type, recursive);
    if (!packet) continue;
    const ldns_rr_list* answer = ldns_pkt_answer(packet->get());
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(answer) && out.size() < kMostServers; ++i)
      if (ldns_rr_get_type(ldns_rr_list_rr(answer, i)) == type)
        if (const auto address = address_of(ldns_rr_list_rr(answer, i))) out.push_back(*address);
  }
  return out;
}

Result<Parent> find_parent(const Endpoint& resolver, const std::string& zone) {
  std::string above = dotted(zone);
  while (above != ".") {
    above = above.substr(above.find('.') + 1);
    if (above.empty()) above.assign(1, '.');
    const auto there = ask_delegation(resolver, above, true);
    if (!there) return Error{there.error()};
    for (const NameServer& server : there->servers)
      for (const IpAddress& address : ask_addresses(resolver, server.name, true))
        return Parent{fmt::format("{} ({})", server.name, to_string(address)), {address, kDnsPort}};
  }
  return Error{fmt::format("{} finds no server of a zone above {}", to_string(resolver), zone)};
}

Result<DelegationFacts> look_at_delegation(const Parent& parent, const std::optional<Endpoint>& resolver,
                                           const std::string& zone, std::vector<IpAddress> ours) {
  DelegationFacts facts;
  facts.zone = zone;
  facts.parent = parent.name;
  facts.ours = std::move(ours);
  auto referral = ask_delegation(parent.at, zone, false);
  if (!referral) return Error{referral.error()};
  facts.at_parent = std::move(*referral);
  for (const NameServer& server : facts.at_parent.servers) {
    std::vector<IpAddress> addresses = server.addresses;
    // Servers outside of the zone need no glue, and get none from some parents.
    const bool outside = !within(server.name, dotted(zone));
    if (addresses.empty() && outside) addresses = ask_addresses(parent.at, server.name, false);
    if (addresses.empty() && outside && resolver) addresses = ask_addresses(*resolver, server.name, true);
    for (const IpAddress& address : addresses) {
      if (facts.served.size() == kMostServers) break;
      auto says = ask_delegation({address, kDnsPort}, zone, false);
      facts.served.push_back({server.name, address, says ? std::optional(std::move(*says)) : std::nullopt});
    }
  }
  return facts;
}

std::optional<Endpoint> first_resolver(std::string_view text) {
  constexpr std::string_view kKey = "nameserver";
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    const auto ip = parse_ip(line.substr(0, std::min(line.find_first_of(" \t%#;"), line.size())));
    if (ip) return Endpoint{*ip, kDnsPort};
  }
  return std::nullopt;
}

}  // namespace flagfall::check
