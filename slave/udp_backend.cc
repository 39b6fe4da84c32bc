#include "slave/udp_backend.hh"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "common/base/log.hh"
#include "common/net/sockaddr.hh"
#include "common/net/udp.hh"
#include "common/wire/proxy_header.hh"

namespace flagfall::slave {
namespace {

/// How exactly requests are given up.
constexpr Nanos kTick = std::chrono::milliseconds(20);
/// New sockets in one tick at most: about 15 us each.
constexpr unsigned kMostMended = 64;
/// So many timeouts after it was given up a port's late answer may still come, and so long at least.
constexpr int kPortRests = 4;
constexpr Nanos kLeastPortRest = std::chrono::seconds(1);
/// How often the kernel is asked for another port when it drew one that rests: with a quarter of all ports
/// resting, all tries fail once in 65,000 times.
constexpr unsigned kTries = 8;
/// Datagrams that one look takes from a socket.
constexpr unsigned kMostHeard = 16;

net::Fd connected(const Endpoint& to) {
  net::Fd fd(
      socket(to.ip.family == Family::v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const net::SockAddr address(to);
  if (fd && connect(fd.get(), &address.any, address.length) != 0) return {};  // NOLINT(*-union-access)
  return fd;
}

}  // namespace

UdpBackend::UdpBackend(const BackendConfig& config, net::Loop& loop, const Clock& clock, PortRest& ports,
                       Callbacks callbacks)
    : config_(config),
      loop_(loop),
      clock_(clock),
      callbacks_(std::move(callbacks)),
      slots_({config.sockets, config.timeout, config.rest}),
      health_(!config.probe.empty()),
      ports_(ports),
      sockets_(config.sockets),
      probe_(*octets_of(config.probe)),  // the configuration's check has read it
      room_(kMaxAnswer),
      told_up_(health_.up()) {
  const MonoTime now = clock_.mono();
  int error = 0;
  for (std::uint32_t i = 0; i < config.sockets; ++i)
    if (!open(i, now)) {
      error = errno;
      slots_.broken(i);
    }
  if (error != 0)
    log::warn("backend of service {}: {} of {} sockets to {} cannot be opened: {}; they are tried again",
              config.service, slots_.broken(), config.sockets, to_string(*config.udp),
              std::generic_category().message(error));
  ticker_ = loop.every(kTick, [this] { tick(); });
}

/// A new socket before the old one is closed, so that it has another port.
bool UdpBackend::open(std::uint32_t slot, MonoTime now) {
  Socket& socket = sockets_[slot];
  std::array<net::Fd, kTries> drawn;
  for (net::Fd& fd : drawn) {
    fd = connected(*config_.udp);
    if (!fd) break;
    sockaddr_in6 local{};
    socklen_t length = sizeof local;
    if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local), &length) != 0) break;
    const std::uint16_t port = ntohs(local.sin6_port);  // at the same place in both families
    if (ports_.rests(port, now)) continue;
    socket.watch = net::Watch();
    socket.fd = std::move(fd);
    socket.port = port;
    socket.watch = loop_.on_readable(socket.fd.get(), [this, slot] { hear(slot); });
    return true;
  }
  ++counters_.broken;
  return false;
}

void UdpBackend::ask(std::uint32_t whose, Bytes request, const std::optional<ProxiedRequest>& from) {
  const MonoTime now = clock_.mono();
  const auto slot = slots_.ask(whose, now);
  if (!slot) {
    ++counters_.full;
    return give_up(whose);
  }
  drain(*slot);
  ++(whose == kProbe ? counters_.probes : counters_.requests);
  std::array<std::uint8_t, wire::kMostProxyHeader> room{};
  ByteWriter header(room);
  if (config_.proxy && from)
    wire::write_proxy_header(wire::Proxied::udp, from->client, from->server, header);
  else if (config_.proxy)
    wire::write_own_proxy_header(header);
  std::array<iovec, 2> parts{};
  parts[0] = {room.data(), header.size()};
  parts[1] = {const_cast<std::uint8_t*>(request.data()), request.size()};  // NOLINT(*-const-cast): it is read
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (sendmsg(sockets_[*slot].fd.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    refused(*slot, now, errno);
}

/// What came before a request is no answer to it.
void UdpBackend::drain(std::uint32_t slot) {
  for (unsigned i = 0; i < kMostHeard; ++i) {
    const auto n = recv(sockets_[slot].fd.get(), room_.data(), room_.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n >= 0) ++counters_.stray;
  }
}

void UdpBackend::hear(std::uint32_t slot) {
  const MonoTime now = clock_.mono();
  for (unsigned i = 0; i < kMostHeard; ++i) {
    const auto n = recv(sockets_[slot].fd.get(), room_.data(), room_.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) {
      refused(slot, now, errno);
      continue;
    }
    const auto whose = slots_.over(slot, now);
    if (!whose) {
      ++counters_.stray;
      continue;
    }
    ++counters_.answers;
    health_.answered();
    tell();
    const auto length = static_cast<std::size_t>(n);
    if (*whose != kProbe)
      callbacks_.answered(*whose, Bytes(room_).first(std::min(length, room_.size())), length);
  }
}

/// Only that nobody listens, or that there is no way, says something of the backend.
void UdpBackend::refused(std::uint32_t slot, MonoTime now, int error) {
  const auto whose = slots_.over(slot, now);
  if (!whose) return;  // the word came for a request that is given up
  ++counters_.refused;
  if (error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH) health_.refused(now);
  tell();
  give_up(*whose);
}

void UdpBackend::give_up(std::uint32_t whose) const {
  if (whose != kProbe) callbacks_.unanswered(whose);
}

void UdpBackend::tick() {
  const MonoTime now = clock_.mono();
  while (const auto late = slots_.overdue(now)) {
    ++counters_.silent;
    if (late->whose == kProbe) health_.probe_missed();
    give_up(late->whose);
  }
  mend(now);
  health_.tick(now);
  tell();
  if (!probe_.empty() && now >= next_probe_) {
    next_probe_ = now + config_.probe_every;
    ask(kProbe, probe_);
  }
}

void UdpBackend::mend(MonoTime now) {
  for (unsigned i = 0; i < kMostMended; ++i) {
    const auto slot = slots_.first_broken();
    if (!slot) return;
    if (const Socket& old = sockets_[*slot]; old.fd)
      ports_.given_up(old.port, now + std::max(kLeastPortRest, kPortRests * config_.timeout));
    if (!open(*slot, now)) return;
    slots_.replaced(*slot);
  }
}

void UdpBackend::tell() {
  if (std::exchange(told_up_, health_.up()) == health_.up()) return;
  if (health_.up())
    log::info("backend of service {} at {}: answers", config_.service, to_string(*config_.udp));
  else
    log::warn("backend of service {} at {}: does not answer", config_.service, to_string(*config_.udp));
  callbacks_.changed(health_.up());
}

}  // namespace flagfall::slave
