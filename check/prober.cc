#include "check/prober.hh"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <system_error>

#include "common/net/sockaddr.hh"
#include "common/net/udp.hh"
#include "slave/raw_header.hh"
#include "slave/source_socket.hh"

namespace flagfall::check {
namespace {

constexpr std::uint16_t kRounds = 10;
/// Slow enough not to be taken for a flood, quick enough to be waited for.
constexpr Nanos kBetween = std::chrono::milliseconds(100);

struct Way {
  Endpoint to;
  slave::SourceSocket socket;
  ProbeResult result;
};

bool send(const Way& way, MutableBytes payload) {
  const net::SockAddr to(
      {way.to.ip, way.socket.kind == slave::SourceSocket::Kind::raw && way.to.ip.family == Family::v6
                      ? std::uint16_t{0}
                      : way.to.port});
  std::array<std::uint8_t, slave::kRawHeaderRoom> header{};
  std::array<iovec, 2> parts{};
  if (way.socket.kind == slave::SourceSocket::Kind::raw)
    parts[0] = {header.data(), slave::write_raw_header(way.socket.source, way.to, payload, header)};
  parts[1] = {payload.data(), payload.size()};
  net::SockAddr address = to;
  msghdr message{};
  message.msg_name = &address.any;
  message.msg_namelen = address.length;
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  // A pending ICMP error of the one before is not this one's.
  return sendmsg(way.socket.fd.get(), &message, MSG_NOSIGNAL) >= 0 ||
         (errno == ECONNREFUSED && sendmsg(way.socket.fd.get(), &message, MSG_NOSIGNAL) >= 0);
}

slave::SourceSocket own_socket(Family family) {
  const IpAddress any{{}, family};
  net::Fd fd = net::udp_socket({any, 0}, {.dont_fragment = true});
  const Endpoint source = net::local_endpoint(fd);
  return {source, slave::SourceSocket::Kind::udp, std::move(fd), false};
}

std::vector<Way> ways(const ProbeOptions& options) {
  std::vector<Way> out;
  for (const Endpoint& to : options.to) {
    out.push_back({to, own_socket(to.ip.family), {}});
    out.back().result = {out.back().socket.source, true, 0, 0, {}};
    for (const Endpoint& source : options.sources) {
      if (source.ip.family != to.ip.family) continue;
      out.push_back({to, slave::open_source(source), {source, false, 0, 0, {}}});
    }
  }
  return out;
}

}  // namespace

std::vector<ProbeResult> send_probes(const ProbeOptions& options, Random& random) {
  net::AesCmac mac(options.key);
  const SystemClock clock;
  std::vector<Way> all = ways(options);
  Probe probe;
  probe.run = random.next();
  probe.count = kRounds;
  probe.name = options.name;
  for (const Way& way : all)
    if (!way.result.own && probe.plan.size() < kMostPlan) probe.plan.push_back(way.result.source);
  for (probe.number = 0; probe.number < kRounds; ++probe.number) {
    for (Way& way : all) {
      for (const std::size_t size : {std::size_t{0}, kLargeProbe}) {
        Probe one = probe;
        one.kind = way.result.own ? Probe::Kind::own : Probe::Kind::service;
        one.source = way.result.source;
        one.sent = clock.real();
        auto bytes = encode_probe(one, size, mac);
        const bool sent = send(way, bytes);
        ++(sent ? way.result.sent : way.result.failed);
        if (!sent && way.result.why.empty()) way.result.why = std::generic_category().message(errno);
      }
    }
    const timespec pause = to_timespec(kBetween);
    (void)nanosleep(&pause, nullptr);
  }
  std::vector<ProbeResult> out;
  out.reserve(all.size());
  for (const Way& way : all) out.push_back(way.result);
  return out;
}

}  // namespace flagfall::check
