#include "check/judge.hh"

#include <fmt/core.h>
#include <linux/net_tstamp.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "common/base/units.hh"
#include "common/config/types.hh"

namespace flagfall::check {
namespace {

std::string holder(const BoundSocket& socket, const Owner& owner) {
  if (owner.pid == 0) return fmt::format("a program of uid {}", socket.uid);
  return fmt::format("{} (pid {})", owner.program, owner.pid);
}

}  // namespace

bool judge_port(const PortFacts& f, Findings& out) {
  const std::string subject = "port " + f.subject;
  for (std::size_t i = 0; i < f.holders.size(); ++i) {
    const Owner& owner = f.owners.at(i);
    if (owner.program == f.program) {
      out.ok(subject, fmt::format("{} has it (pid {})", f.program, owner.pid));
      return true;
    }
  }
  if (f.holders.empty()) {
    out.ok(subject, "free");
    return false;
  }
  const BoundSocket& first = f.holders.front();
  const std::string who = holder(first, f.owners.front());
  const std::string seen = fmt::format("{} has {}", who, to_string(first.at));
  if (f.owners.front().pid == 0) {
    out.warning(subject, seen, fmt::format("run this check as root to see whether that is {}", f.program));
  } else if (first.at.ip.family != f.at.ip.family) {
    out.warning(subject, seen,
                "unless it is bound to IPv6 only, it takes IPv4 too: stop it, or bind it to other addresses");
  } else {
    out.problem(subject, seen,
                fmt::format("stop it, or bind it to other addresses than {}", to_string(f.at)));
  }
  return false;
}

void judge_capability(const CapabilityFacts& f, Findings& out) {
  const std::string subject = "capability " + f.name;
  if (f.running) return out.ok(subject, fmt::format("{} runs, with its sockets open", f.program));
  if (f.file) return out.ok(subject, fmt::format("the file of {} has it", f.program));
  if (f.process) return out.ok(subject, "who runs this check has it");
  const std::string seen = fmt::format("missing, needed {}", f.purpose);
  const std::string advice =
      fmt::format("start {} by its systemd unit (AmbientCapabilities={}), or as root", f.program, f.name);
  if (f.required)
    out.problem(subject, seen, advice);
  else
    out.warning(subject, seen, advice);
}

void judge_clock(std::string_view provider, const clocksync::RefMap& map, Nanos max_error, MonoTime now,
                 Findings& out) {
  const std::string subject = fmt::format("clock ({})", provider);
  if (map.status != wire::ClockStatus::synchronised)
    return out.problem(subject, map.why.empty() ? "it is not synchronised" : map.why,
                       "nobody races until it is: see `chronyc tracking` and `chronyc sources`, and [clock]");
  const Nanos bound = map.bound_at(now);
  const std::string seen =
      fmt::format("synchronised, bound {:.3f} ms of {} allowed (clock.max_error), expected error {:.3f} ms",
                  in_ms(bound), config::to_string(max_error), in_ms(map.expected_at(now)));
  if (bound > max_error)
    return out.problem(subject, seen,
                       "a time source that is nearer, polled more often (minpoll, maxpoll), or a larger "
                       "clock.max_error where sites are far apart");
  if (bound > max_error / 2)
    return out.warning(subject, seen,
                       "the other side's bound is added to it: take a nearer time source, or allow more");
  if (map.leap_pending)
    return out.warning(subject, "a leap second is announced", "no race runs within 2 s of it; nothing to do");
  out.ok(subject, seen);
}

void judge_steps(Nanos before, Nanos after, Nanos between, Findings& out) {
  // What a disciplined clock gains or loses at most (adjtimex(2): 500 ppm), and the reads' own error.
  constexpr Nanos kRead = std::chrono::microseconds(100);
  const Nanos moved = after > before ? after - before : before - after;
  if (moved <= between / 2000 + kRead)
    return out.ok("clock steps", fmt::format("none while this check ran ({:.1f} s)", in_ms(between) * 1e-3));
  out.warning(
      "clock steps",
      fmt::format("CLOCK_REALTIME was set, or slewed hard, by {:.3f} ms while this check ran", in_ms(moved)),
      "find who sets it: two time daemons, the hypervisor's tools, `makestep` with a limit of -1");
}

void judge_chrony_conf(const std::string& file, std::string_view text, Findings& out) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto word = [&line] {
      const std::size_t from = std::min(line.find_first_not_of(" \t"), line.size());
      line.remove_prefix(from);
      const std::string_view w = line.substr(0, std::min(line.find_first_of(" \t"), line.size()));
      line.remove_prefix(w.size());
      return w;
    };
    if (word() != "makestep") continue;
    (void)word();
    if (const std::string_view limit = word(); limit.starts_with('-'))
      return out.warning(
          "clock steps", fmt::format("{}: makestep {} lets chronyd step the clock at any time", file, limit),
          "no races for a while after each step; `makestep 0.1 3` allows it at the start only");
  }
}

void judge_time_daemons(const std::vector<std::string>& running, Findings& out) {
  constexpr std::array<std::string_view, 5> kOthers = {"systemd-timesyn", "ntpd", "ntpdate", "openntpd",
                                                       "vmtoolsd"};
  const bool chronyd = std::ranges::find(running, "chronyd") != running.end();
  for (const std::string_view other : kOthers)
    if (chronyd && std::ranges::find(running, other) != running.end())
      out.warning("clock steps", fmt::format("{} runs beside chronyd", other),
                  "two programs that set one clock make it jump: disable one");
}

void judge_stamps(const std::string& interface, std::optional<std::uint32_t> flags, bool transmit,
                  Findings& out) {
  const std::string subject = "kernel time stamps, " + interface;
  if (!flags)
    return out.skipped(subject, "its driver does not say what it can do", "ethtool -T " + interface);
  const bool receives =
      (*flags & SOF_TIMESTAMPING_RX_SOFTWARE) != 0 && (*flags & SOF_TIMESTAMPING_SOFTWARE) != 0;
  const bool sends = (*flags & SOF_TIMESTAMPING_TX_SOFTWARE) != 0;
  if (!receives)
    return out.warning(
        subject, "no software receive stamps",
        "instants then count from when queries are taken off the queue, not from their arrival");
  if (transmit && !sends)
    return out.warning(
        subject, "its driver makes no software transmit stamps",
        "answers leave later than the instant by what a send takes, and nobody sees by how much; "
        "take another driver or interface");
  out.ok(subject,
         transmit ? "software stamps of what arrives and of what leaves" : "software receive stamps");
}

void judge_buffer(const std::string& key, std::int64_t wanted, std::int64_t granted, Findings& out) {
  if (granted >= wanted)
    return out.ok(key,
                  fmt::format("the kernel grants all of {}", config::to_string(config::ByteSize{wanted})));
  out.warning(
      key, fmt::format("of {} octets the kernel grants {}", wanted, granted),
      fmt::format("sysctl -w net.core.rmem_max={}, and in /etc/sysctl.d to stay, or bursts are dropped",
                  wanted));
}

void judge_rp_filter(const std::string& interface, bool strict, std::size_t interfaces, Findings& out) {
  const std::string subject = "rp_filter, " + interface;
  if (strict && interfaces > 1)
    return out.warning(
        subject, fmt::format("strict (1), and there are {} interfaces", interfaces),
        "queries whose way back is by another interface are dropped: set it to 2 where ways differ");
  out.ok(subject, strict ? "strict, with one way in and out" : "not strict");
}

void judge_packet(const PacketFacts& f, const Verdict& verdict, Findings& out) {
  const std::string subject = "firewall, " + f.what;
  const auto bad = [&](const std::string& seen, const std::string& advice) {
    if (f.vital)
      out.problem(subject, seen, advice);
    else
      out.warning(subject, seen, advice);
  };
  switch (verdict.kind) {
    case Verdict::Kind::passes:
      return out.ok(subject, "nftables lets them through");
    case Verdict::Kind::dropped:
      return bad(fmt::format("nftables drops them ({})", verdict.rule),
                 fmt::format("accept them before that rule: {}", f.loss));
    case Verdict::Kind::rewritten:
      return bad(fmt::format("nftables changes their address ({})", verdict.rule),
                 fmt::format("except them from that rule: {}", f.loss));
    case Verdict::Kind::unsure:
      return out.skipped(
          subject, fmt::format("cannot be told from the rules alone ({})", verdict.rule),
          "look at that rule, or try it: `flagfall check --with HOST`, `--listen` and `--probe`");
  }
}

void judge_key_owner(const std::string& file, uid_t owner, mode_t mode, uid_t uid, const std::string& user,
                     Findings& out) {
  constexpr mode_t kOwnerReads = 0400;
  const std::string subject = "key " + file;
  if (owner == uid && (mode & kOwnerReads) != 0) return out.ok(subject, fmt::format("{} may read it", user));
  out.warning(subject, fmt::format("it belongs to uid {}, and the daemon runs as {}", owner, user),
              fmt::format("chown {} {}; chmod 600 {}", user, file, file));
}

}  // namespace flagfall::check
