#include "check/master_check.hh"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "check/delegation.hh"
#include "check/icmp_reach.hh"
#include "common/dns/cookies.hh"
#include "master/config.hh"
#include "master/delegation.hh"
#include "master/web_fronts.hh"
#include "master/zones.hh"
#include "tools/admin_client.hh"

namespace flagfall::check {
namespace {

using master::Config;

constexpr std::uint16_t kFirstOrdinaryPort = 1024;
/// Where web clients ask, and whether they are raced for there.
std::vector<std::pair<Endpoint, bool>> web_listen(const Config& config) {
  std::vector<std::pair<Endpoint, bool>> out;
  for (const Endpoint& at : config.http.listen) out.emplace_back(at, config.http.race);
  for (const Endpoint& at : config.https.listen) out.emplace_back(at, false);
  for (const Endpoint& at : config.rtsp.listen) out.emplace_back(at, config.rtsp.race);
  return out;
}

/// Somebody out there, for packets that are only imagined.
const IpAddress kSomebodyV4 = *parse_ip("9.9.9.9");
const IpAddress kSomebodyV6 = *parse_ip("2620:fe::9");
constexpr std::uint16_t kSomePort = 40'000;

std::set<IpAddress> service_addresses(const Config& config) {
  std::set<IpAddress> out;
  for (const Endpoint& at : config.dns.listen) out.insert(at.ip);
  return out;
}

void check_files(Scene& scene, const Config& config) {
  const std::vector<bool> delegated = master::Delegation(config).all();
  const auto zones = master::load_zones(config, scene.random, delegated);
  if (!zones) {
    scene.out.problem("zones", zones.error(),
                      "correct the file; `flagfall-master --check-config` says the same");
  } else {
    const auto missing = master::missing_families(config, **zones, delegated);
    for (const std::string& line : missing)
      scene.out.warning("zones", line, "add the record to the zone file, and reload");
    const auto lost = master::missing_delegations(config, **zones, delegated);
    for (const std::string& line : lost)
      scene.out.problem("zones", line, "correct the zone file, and reload: resolvers do not find the slaves");
    if (missing.empty() && lost.empty())
      scene.out.ok("zones", fmt::format("{} loaded, with addresses of all raced names", (*zones)->size()));
  }
  if (!config.cookies.secrets.empty()) {
    const auto secrets = dns::Cookies::load(config.cookies.secrets.text);
    if (secrets)
      scene.out.ok("cookie secrets", config.cookies.secrets.text + " is read");
    else
      scene.out.problem("cookie secrets", secrets.error(), "see docs/operations.md, cookie secrets");
  }
  if (!config.https.listen.empty()) {
    if (const auto tls = master::load_web_tls(config); !tls)
      scene.out.problem("https", tls.error(), "correct [[https.certificate]]");
    else
      scene.out.ok("https", fmt::format("{} certificates for web clients, with their keys",
                                        config.https.certificates.size()));
  }
  if (!config.admin.audit.empty()) {
    const auto folder = std::filesystem::path(config.admin.audit.text).parent_path();
    std::error_code none;
    if (!std::filesystem::is_directory(folder, none))
      scene.out.problem("audit file", fmt::format("there is no folder {}", folder.string()),
                        "make it, writable for who runs flagfall-master");
  }
}

void check_addresses(Scene& scene, const Config& config) {
  std::set<IpAddress> wanted = service_addresses(config);
  for (const auto& [at, raced] : web_listen(config))
    if (!at.ip.unspecified()) wanted.insert(at.ip);
  for (const Endpoint& at : config.control.listen.all)
    if (!at.ip.unspecified()) wanted.insert(at.ip);
  for (const IpAddress& ip : wanted) {
    const std::string interface = interface_of(scene.addresses, ip);
    if (!interface.empty())
      scene.out.ok("address " + to_string(ip), "is on " + interface);
    else
      scene.out.problem(
          "address " + to_string(ip), "this host does not have it",
          fmt::format(
              "ip address add {} dev ..., or correct the keys `listen` of dns, http, https, rtsp and control",
              to_string(ip)));
  }
}

void check_ports(Scene& scene, const Config& config) {
  const auto first =
      read_number("/proc/sys/net/ipv4/ip_unprivileged_port_start").value_or(kFirstOrdinaryPort);
  const auto privileged = [first](const Endpoint& at) { return at.port < first; };
  for (const Endpoint& at : config.dns.listen) {
    check_port(scene, false, at);
    check_port(scene, true, at);
  }
  const auto web = web_listen(config);
  for (const auto& [at, raced] : web) check_port(scene, true, at);
  for (const Endpoint& at : config.control.listen.all) check_port(scene, true, at);
  if (std::ranges::any_of(config.dns.listen, privileged) ||
      std::ranges::any_of(web, [&](const auto& each) { return privileged(each.first); }))
    check_capability(scene, net::Capability::net_bind_service, "CAP_NET_BIND_SERVICE", "for ports below 1024",
                     true);
}

/// What a race over TCP needs of this host (docs/design/tcp-race.md).
void check_web(Scene& scene, const Config& config) {
  const auto web = web_listen(config);
  for (const auto& [at, raced] : web) {
    const Endpoint somebody{at.ip.family == Family::v4 ? kSomebodyV4 : kSomebodyV6, kSomePort};
    check_packet(scene, {"web requests to TCP " + to_string(at), "no client is redirected", true},
                 {Packet::Way::in, Packet::Protocol::tcp, somebody, at, "new"});
    if (!raced) continue;
    // conntrack has not seen what the slaves have sent, so it takes the client's next packets for broken.
    const bool liberal = read_number("/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal").value_or(0) != 0;
    const std::string state = liberal ? "established" : "invalid";
    check_packet(
        scene,
        {fmt::format("what follows a raced redirect, to TCP {} (conntrack: {})", to_string(at), state),
         "raced clients wait for 0.2 s; `notrack` for this port in a raw chain of nftables, or sysctl "
         "net.netfilter.nf_conntrack_tcp_be_liberal=1, mends it",
         true},
        {Packet::Way::in, Packet::Protocol::tcp, somebody, at, state});
  }
  if (std::ranges::none_of(web, [](const auto& each) { return each.second; })) return;
  check_capability(scene, net::Capability::net_admin, "CAP_NET_ADMIN",
                   "to hand connections over to the slaves; without it redirects are not raced", false);
  check_capability(scene, net::Capability::net_raw, "CAP_NET_RAW",
                   "to see whose redirect a client has taken; without it redirects are not raced", false);
}

void check_firewall(Scene& scene, const Config& config) {
  check_firewall_itself(scene);
  for (const Endpoint& at : config.dns.listen) {
    const Endpoint somebody{at.ip.family == Family::v4 ? kSomebodyV4 : kSomebodyV6, kSomePort};
    const std::string to = to_string(at);
    using P = Packet::Protocol;
    check_packet(scene, {"queries to UDP " + to, "no client is served", true},
                 {Packet::Way::in, P::udp, somebody, at, "new"});
    check_packet(scene, {"queries to TCP " + to, "large answers fail", true},
                 {Packet::Way::in, P::tcp, somebody, at, "new"});
    check_packet(scene, {"answers from UDP " + to, "no client is served", true},
                 {Packet::Way::out, P::udp, at, somebody, "established"});
    // Where queries are not tracked, errors are not related to anything.
    for (const char* state : {"related", "invalid"})
      check_packet(scene,
                   {fmt::format("ICMP errors to {} (conntrack: {})", to_string(at.ip), state),
                    "nobody learns who lost a race", std::string_view(state) == "related"},
                   {Packet::Way::in, P::icmp_unreachable, somebody, at, state});
  }
  for (const Endpoint& at : config.control.listen.all) {
    const Endpoint somebody{at.ip.family == Family::v4 ? kSomebodyV4 : kSomebodyV6, kSomePort};
    check_packet(scene,
                 {"sessions to TCP " + to_string(at) + " (from anywhere)", "slaves cannot register", false},
                 {Packet::Way::in, Packet::Protocol::tcp, somebody, at, "new"});
    check_packet(scene, {"orders from " + to_string(at.ip), "no slave hears of a race", true},
                 {Packet::Way::out, Packet::Protocol::udp, {at.ip, kSomePort}, {somebody.ip, 4954}, "new"});
  }
}

void check_delegations(Scene& scene, const Config& config, const CheckOptions& options) {
  std::optional<Endpoint> resolver = options.resolver;
  if (!resolver) resolver = first_resolver(read_text("/etc/resolv.conf").value_or(""));
  std::vector<IpAddress> ours;
  for (const IpAddress& ip : service_addresses(config)) ours.push_back(ip);
  for (const master::ZoneConfig& zone : config.zones) {
    const std::string subject = "delegation of " + zone.origin;
    const std::string advice =
        "name a resolver that can be reached (--resolver), or the parent's server (--parent)";
    Result<Parent> parent = Error{"there is no resolver in /etc/resolv.conf"};
    if (options.parent)
      parent = Parent{to_string(*options.parent), *options.parent};
    else if (resolver)
      parent = find_parent(*resolver, zone.origin);
    if (!parent) {
      scene.out.skipped(subject, parent.error(), advice);
      continue;
    }
    const auto facts = look_at_delegation(*parent, resolver, zone.origin, ours);
    if (facts)
      judge_delegation(*facts, scene.out);
    else
      scene.out.skipped(subject, facts.error(), advice);
  }
}

/// What this master delegates to its slaves: as resolvers see it, so it must run.
void check_left_zones(Scene& scene, const Config& config) {
  const Parent here{"this master", config.dns.listen.front()};
  for (const master::LeftZone& left : master::left_zones(config, master::Delegation(config).all())) {
    const std::string subject = "delegation of " + left.zone;
    if (!scene.running) {
      scene.out.skipped(subject, "flagfall-master does not run", "look again when it does");
      continue;
    }
    auto facts = look_at_delegation(here, {}, left.zone, {});
    if (!facts) {
      scene.out.skipped(subject, facts.error(), "does flagfall-master answer at dns.listen?");
      continue;
    }
    facts->slaves = left.servers;
    judge_delegation(*facts, scene.out);
  }
}

void check_icmp(Scene& scene, const Config& config, const CheckOptions& options) {
  if (options.with.empty())
    return scene.out.skipped(
        "ICMP errors", "whether they come back is seen with a host outside only",
        "flagfall check --with HOST, a host that answers with its kernel's port-unreachable");
  for (const IpAddress& ip : service_addresses(config)) {
    for (const Endpoint& closed : options.with) {
      if (closed.ip.family != ip.family) continue;
      try {
        judge_icmp(ip, closed, icmp_reach(ip, closed), scene.out);
      } catch (const std::runtime_error& e) {
        scene.out.problem("ICMP errors to " + to_string(ip), e.what(), "give the host the address first");
      }
    }
  }
}

void check_running(Scene& scene, const Config& config) {
  if (!scene.running)
    return scene.out.skipped("flagfall-master", "does not run", "what its slaves say is seen when it does");
  const auto response = tools::admin_request(config.admin.socket.text, "GET", "/status");
  if (!response) return scene.out.warning("flagfall-master", response.error(), "see [admin] socket");
  judge_status(response->body, scene.out);
}

}  // namespace

void check_master(Scene& scene, const CheckOptions& options) {
  const auto config = master::schema().load(options.config);
  if (!config)
    return scene.out.problem("configuration", config.error(),
                             "correct the file; docs/configuration.md has every key");
  scene.out.ok("configuration", options.config + " is good, for flagfall-master");
  check_ports(scene, *config);
  (void)check_certificate(
      scene, net::TlsRole::server,
      {config->control.ca.text, config->control.certificate.text, config->control.key.text});
  check_files(scene, *config);
  check_addresses(scene, *config);
  std::set<std::string> interfaces;
  for (const IpAddress& ip : service_addresses(*config)) interfaces.insert(interface_of(scene.addresses, ip));
  interfaces.erase("");
  check_stamps(scene, interfaces, false);
  check_rp_filter(scene, interfaces);
  check_buffer(scene, "dns.receive_buffer", config->dns.receive_buffer.bytes);
  check_firewall(scene, *config);
  check_web(scene, *config);
  check_clock(scene, config->clock);
  check_running(scene, *config);
  check_delegations(scene, *config, options);
  check_left_zones(scene, *config);
  check_icmp(scene, *config, options);
  check_steps(scene);
}

void judge_status(std::string_view text, Findings& out) {
  const auto status = nlohmann::json::parse(text, nullptr, false);
  if (!status.is_object())
    return out.warning("flagfall-master", "its status is no JSON object", "is it of this version?");
  const auto at = [](const nlohmann::json& json, const char* key) {
    return json.is_object() && json.contains(key) ? json[key] : nlohmann::json();
  };
  const auto word = [&](const nlohmann::json& json, const char* key) {
    const auto value = at(json, key);
    return value.is_string() ? value.get<std::string>() : std::string();
  };
  if (const std::string why = word(at(status, "racing"), "why_not"); !why.empty())
    out.warning("flagfall-master", "runs, and races nobody: " + why, "flagfall status");
  else
    out.ok("flagfall-master", "runs, and races");
  const auto slaves = at(status, "slaves");
  if (!slaves.is_array()) return;
  for (const auto& slave : slaves) {
    const std::string name = word(slave, "name");
    if (const std::string why = word(slave, "why_not"); !why.empty())
      out.warning("slave " + name, why, fmt::format("flagfall check on {}", name));
    else
      out.ok("slave " + name, "is fit to race");
  }
  const auto drops = at(at(status, "counters"), "receive_queue_drops");
  if (drops.is_number_unsigned() && drops.get<std::uint64_t>() > 0)
    out.warning("flagfall-master",
                fmt::format("the kernel dropped {} queries on a full queue", drops.get<std::uint64_t>()),
                "raise net.core.rmem_max and dns.receive_buffer, or dns.threads");
}

}  // namespace flagfall::check
