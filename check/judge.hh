// From what was seen to findings. Pure: facts in, findings out.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "check/finding.hh"
#include "check/firewall.hh"
#include "check/host.hh"
#include "check/proc_net.hh"
#include "clocksync/ref_clock.hh"
#include "common/base/time.hh"

namespace flagfall::check {

/// A port that a daemon needs, with those that have it now.
struct PortFacts {
  std::string subject;  // "UDP 192.0.2.1:53"
  Endpoint at;
  std::string program;  // whose port it should be: "flagfall-master"
  std::vector<BoundSocket> holders;
  std::vector<Owner> owners;  // of each holder
};
/// True when the daemon itself has it.
bool judge_port(const PortFacts& facts, Findings& out);

/// What may be done with a capability, by all ways in which a daemon could have it.
struct CapabilityFacts {
  std::string name;      // "CAP_NET_RAW"
  std::string purpose;   // "to answer from the service's addresses"
  std::string program;   // "flagfall-slave"
  bool process = false;  // we have it ourselves: root, or ambient
  bool file = false;     // the program's file has it
  bool running = false;  // the daemon runs: its sockets are open
  bool required = true;  // or merely wanted
};
void judge_capability(const CapabilityFacts& facts, Findings& out);

/// `provider`: "chrony", "ntp".
void judge_clock(std::string_view provider, const clocksync::RefMap& map, Nanos max_error, MonoTime now,
                 Findings& out);
/// CLOCK_REALTIME against CLOCK_MONOTONIC, at both ends of the check.
void judge_steps(Nanos before, Nanos after, Nanos between, Findings& out);
/// chrony.conf: steps at any time are for hosts that do not race.
void judge_chrony_conf(const std::string& file, std::string_view text, Findings& out);
/// Two programs that set one clock. `running`: as running_programs() has them.
void judge_time_daemons(const std::vector<std::string>& running, Findings& out);

void judge_stamps(const std::string& interface, std::optional<std::uint32_t> flags, bool transmit,
                  Findings& out);
/// `key`: "dns.receive_buffer"
void judge_buffer(const std::string& key, std::int64_t wanted, std::int64_t granted, Findings& out);
/// `strict`: rp_filter is 1 where queries arrive; `interfaces`: how many there are beside the loopback.
void judge_rp_filter(const std::string& interface, bool strict, std::size_t interfaces, Findings& out);

/// `what`: "ICMP errors to 192.0.2.1"; `loss`: what does not work without them.
struct PacketFacts {
  std::string what;
  std::string loss;
  bool vital = true;  // or only good to have
};
void judge_packet(const PacketFacts& facts, const Verdict& verdict, Findings& out);

/// A key that a daemon of user `uid` must read. `mode`: its permission bits.
void judge_key_owner(const std::string& file, uid_t owner, mode_t mode, uid_t uid, const std::string& user,
                     Findings& out);

}  // namespace flagfall::check
