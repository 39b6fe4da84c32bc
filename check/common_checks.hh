// What is looked at on masters and slaves alike: certificate, ports,
// capabilities, firewall, kernel, clock. Each function gathers and hands what it
// saw to a judgement. One thread; they may take seconds.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "check/finding.hh"
#include "check/firewall.hh"
#include "check/host.hh"
#include "check/judge.hh"
#include "clocksync/config.hh"
#include "common/net/privileges.hh"
#include "common/net/tls.hh"

namespace flagfall::check {

struct CheckOptions {
  std::string config;
  std::vector<Endpoint> with;        // closed ports of a host outside, one of a family at most
  std::optional<Endpoint> resolver;  // none: the first of /etc/resolv.conf
  std::optional<Endpoint> parent;    // of all zones; none: it is looked for
};

/// One check's view of the host.
struct Scene {
  Scene(std::string name, Findings& findings);
  std::string program;  // "flagfall-master"
  Findings& out;
  SystemClock clock;
  SystemRandom random;
  std::vector<LocalAddress> addresses;
  std::vector<BoundSocket> udp, tcp;
  std::optional<Firewall> firewall;
  bool running = false;             // the daemon has one of its ports
  std::optional<uid_t> daemon_uid;  // who it runs as
  MonoTime started;
  Nanos real_minus_mono{};
};

void check_port(Scene& scene, bool tcp, const Endpoint& at);
void check_firewall_itself(Scene& scene);
void check_packet(Scene& scene, const PacketFacts& facts, const Packet& packet);
void check_capability(Scene& scene, net::Capability capability, const std::string& name,
                      const std::string& purpose, bool required);
/// None when it cannot be used.
std::optional<net::TlsContext> check_certificate(Scene& scene, net::TlsRole role, const net::TlsFiles& files);
void check_stamps(Scene& scene, const std::set<std::string>& interfaces, bool transmit);
void check_rp_filter(Scene& scene, const std::set<std::string>& interfaces);
void check_buffer(Scene& scene, const std::string& key, std::int64_t wanted);
void check_clock(Scene& scene, const clocksync::ClockConfig& config);
/// Last: what the clock did meanwhile.
void check_steps(Scene& scene);

}  // namespace flagfall::check
