#include "check/icmp_reach.hh"

#include <fmt/core.h>
#include <poll.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "check/probe_packet.hh"
#include "common/base/time.hh"
#include "common/net/udp.hh"
#include "common/net/udp_errors.hh"

namespace flagfall::check {
namespace {

constexpr unsigned kTries = 4;
constexpr std::size_t kSmall = 32;
/// Hosts send such errors once a second to one address, after a burst of six (Linux's icmp_ratelimit).
constexpr Nanos kPatience = std::chrono::milliseconds(1100);

class Sender {
 public:
  Sender(const IpAddress& from, const Endpoint& closed)
      : closed_(closed),
        fd_(net::udp_socket({from, 0}, {.dont_fragment = true, .receive_errors = true})),
        batch_(kLargeProbe) {}

  /// True when the host's own error came.
  bool once(std::size_t size, std::string& other) {
    std::memset(batch_.room().data(), 0, size);
    batch_.commit(size, closed_);
    (void)batch_.flush(fd_);
    const MonoTime end = clock_.mono() + kPatience;
    while (clock_.mono() < end) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock_.mono());
      pollfd waiting{fd_.get(), 0, 0};  // errors are always told
      if (poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
      for (const net::UdpError& e : errors_.drain(fd_)) {
        if (e.error == ECONNREFUSED) return true;
        other = fmt::format("{} from {}", std::generic_category().message(e.error), to_string(e.offender));
      }
    }
    return false;
  }

 private:
  Endpoint closed_;
  SystemClock clock_;
  net::Fd fd_;
  net::UdpSender batch_;
  net::UdpErrors errors_;
};

}  // namespace

IcmpReach icmp_reach(const IpAddress& from, const Endpoint& closed) {
  IcmpReach out;
  Sender sender(from, closed);
  for (out.sent = 0; out.sent < kTries && !out.came; ++out.sent) out.came = sender.once(kSmall, out.other);
  for (unsigned i = 0; out.came && i < kTries && !out.large_came; ++i)
    out.large_came = sender.once(kLargeProbe, out.other);
  return out;
}

void judge_icmp(const IpAddress& service, const Endpoint& closed, const IcmpReach& seen, Findings& out) {
  const std::string subject = "ICMP errors to " + to_string(service);
  if (!seen.came)
    return out.problem(
        subject,
        fmt::format("none came back from {} for {} datagrams to its closed port{}{}", to_string(closed),
                    seen.sent, seen.other.empty() ? "" : "; instead: ", seen.other),
        "let ICMP and ICMPv6 errors in, here and on the way (docs/operations.md, firewall): without them "
        "nobody "
        "learns who won. Or that host does not answer: try another");
  if (!seen.large_came)
    return out.warning(subject,
                       fmt::format("{} octets do not reach {}{}{}", kLargeProbe, to_string(closed.ip),
                                   seen.other.empty() ? "" : ": ", seen.other),
                       "the path's MTU is below 1280, or it drops large UDP: lower dns.udp_size");
  out.ok(subject, fmt::format("{} sends them, for {} octets, too", to_string(closed.ip), kLargeProbe));
}

}  // namespace flagfall::check
