#include <fmt/core.h>

#include <algorithm>

#include "check/icmp_reach.hh"
#include "check/master_check.hh"
#include "common/net/tls_reach.hh"
#include "slave/config.hh"
#include "slave/source_socket.hh"

namespace flagfall::check {
namespace {

using slave::Config;

constexpr Nanos kReachPatience = std::chrono::seconds(3);
/// Somebody out there, for packets that are only imagined.
const IpAddress kSomebodyV4 = *parse_ip("9.9.9.9");
const IpAddress kSomebodyV6 = *parse_ip("2620:fe::9");
constexpr std::uint16_t kSomePort = 40'000;

void check_capabilities(Scene& scene, const Config& config) {
  check_capability(scene, net::Capability::net_raw, "CAP_NET_RAW", "to answer from the service's addresses",
                   true);
  constexpr std::uint16_t kFirstOrdinaryPort = 1024;
  const auto is_low = [](const Endpoint& s) { return s.port < kFirstOrdinaryPort; };
  if (std::ranges::any_of(config.dns.listen, is_low))
    check_capability(scene, net::Capability::net_bind_service, "CAP_NET_BIND_SERVICE",
                     "to be a name server at dns.listen", true);
  else if (std::ranges::any_of(config.transmit.sources, is_low))
    check_capability(scene, net::Capability::net_bind_service, "CAP_NET_BIND_SERVICE",
                     "for an ordinary socket at the service's port; without it packets are built by hand",
                     false);
}

void check_firewall(Scene& scene, const Config& config) {
  check_firewall_itself(scene);
  using P = Packet::Protocol;
  for (const Endpoint& source : config.transmit.sources) {
    const Endpoint somebody{source.ip.family == Family::v4 ? kSomebodyV4 : kSomebodyV6, kSomePort};
    for (const char* state : {"new", "untracked"})
      check_packet(scene,
                   {fmt::format("answers as {} (conntrack: {})", to_string(source), state),
                    "raced answers never leave this host", std::string_view(state) == "new"},
                   {Packet::Way::out, P::udp, source, somebody, state});
  }
  for (const Endpoint& at : config.dns.listen)
    for (const bool tcp : {false, true}) {
      const Endpoint somebody{at.ip.family == Family::v4 ? kSomebodyV4 : kSomebodyV6, kSomePort};
      check_packet(scene,
                   {fmt::format("queries to {} {}", tcp ? "TCP" : "UDP", to_string(at)),
                    "resolvers do not reach this slave as a name server", true},
                   {Packet::Way::in, tcp ? P::tcp : P::udp, somebody, at, "new"});
    }
  for (const slave::MasterConfig& master : config.masters) {
    const auto here = source_toward(master.address.ip);
    if (!here || config.orders.listen.empty()) continue;
    check_packet(scene, {"orders from " + to_string(master.address.ip), "this slave hears of no race", true},
                 {Packet::Way::in,
                  P::udp,
                  {master.address.ip, kSomePort},
                  {*here, config.orders.listen.front().port},
                  "new"});
  }
}

void check_masters(Scene& scene, const Config& config, const std::optional<net::TlsContext>& certificate) {
  for (const slave::MasterConfig& master : config.masters) {
    const std::string subject = fmt::format("master {} at {}", master.name, to_string(master.address));
    if (!source_toward(master.address.ip)) {
      scene.out.problem(subject, "there is no way to it", "correct its address, or this host's routes");
      continue;
    }
    if (!certificate) {
      scene.out.skipped(subject, "not tried without a certificate", "see above");
      continue;
    }
    const auto names = net::tls_reach(*certificate, master.address, kReachPatience);
    if (!names)
      scene.out.problem(subject, names.error(),
                        "does it run, do both have certificates of one CA, does its firewall let TCP in?");
    else if (std::ranges::find(*names, master.name) == names->end())
      scene.out.problem(subject,
                        fmt::format("who answers there is '{}'", names->empty() ? "?" : names->front()),
                        "correct `name` in [[master]], or its address");
    else
      scene.out.ok(subject, "answers, and is who it should be");
  }
}

void check_path(Scene& scene, const CheckOptions& options) {
  for (const Endpoint& closed : options.with) {
    const auto here = source_toward(closed.ip);
    if (here) judge_icmp(*here, closed, icmp_reach(*here, closed), scene.out);
  }
  scene.out.skipped(
      "foreign sources", "whether answers as the service arrive is seen at another host only",
      "there: flagfall check --listen --key FILE; here: flagfall check --probe HOST --key FILE");
}

}  // namespace

void check_slave(Scene& scene, const CheckOptions& options) {
  const auto config = slave::schema().load(options.config);
  if (!config)
    return scene.out.problem("configuration", config.error(),
                             "correct the file; docs/configuration.md has every key");
  scene.out.ok("configuration", options.config + " is good, for flagfall-slave");
  for (const Endpoint& at : config->orders.listen) check_port(scene, false, at);
  for (const Endpoint& at : config->dns.listen)
    for (const bool tcp : {false, true}) check_port(scene, tcp, at);
  check_capabilities(scene, *config);
  const auto certificate = check_certificate(
      scene, net::TlsRole::client,
      {config->control.ca.text, config->control.certificate.text, config->control.key.text});
  std::set<std::string> interfaces;
  for (const slave::MasterConfig& master : config->masters)
    if (const auto here = source_toward(master.address.ip))
      interfaces.insert(interface_of(scene.addresses, *here));
  interfaces.erase("");
  check_stamps(scene, interfaces, true);
  check_buffer(scene, "orders.receive_buffer", config->orders.receive_buffer.bytes);
  check_firewall(scene, *config);
  check_clock(scene, config->clock);
  check_masters(scene, *config, certificate);
  check_path(scene, options);
  check_steps(scene);
}

}  // namespace flagfall::check
