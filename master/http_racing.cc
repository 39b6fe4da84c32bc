#include "master/http_racing.hh"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "common/net/raw_ip.hh"
#include "common/net/sockaddr.hh"

namespace flagfall::master {
namespace {

constexpr int kSendBuffer = 1 << 20;
/// A tap without races costs the host's packets a look each: so long after the last it is shut.
constexpr Nanos kQuiet = std::chrono::seconds(3);

std::size_t place(Family family) {
  return family == Family::v4 ? 0 : 1;
}

}  // namespace

HttpRacing::HttpRacing(const Options& options, const Clock& clock, Random& random, RaceLog* log)
    : options_(options),
      clock_(clock),
      core_(options.core, random, log),
      orders_(options.order_sources, options.order_dscp, options.core.order_size) {
  for (const Endpoint& at : options.listen) {
    taps_.push_back(std::make_unique<Tap>(at));
    net::Fd& packets = packets_.at(place(at.ip.family));
    if (!packets) packets = net::raw_ip_socket(at.ip.family, kSendBuffer);
    if (!packets) throw std::system_error(errno, std::generic_category(), "a socket for TCP segments");
  }
}

void HttpRacing::prepare(const net::Fd& listener) const {
  constexpr int kRtoMin = 45;  // TCP_RTO_MIN_US, Linux 6.15: in microseconds
  const int us = static_cast<int>(options_.own_copy.count() / 1000);
  (void)setsockopt(listener.get(), IPPROTO_TCP, kRtoMin, &us, sizeof us);
}

void HttpRacing::start(net::Loop& loop) {
  for (const auto& tap : taps_)
    tap->watch = loop.on_readable(tap->tap.fd().get(), [this, t = tap.get()] { look(*t); });
}

void HttpRacing::take_over(std::shared_ptr<const Snapshot> snapshot) {
  flush();
  core_.take_over(std::move(snapshot));
}

bool HttpRacing::race(const HttpRaceOffer& offer, const net::Fd& connection, const Endpoint& client,
                      std::size_t listener, std::string& unsent) noexcept {
  Tap& tap = *taps_[listener];
  if (!tap.open) {
    try {
      tap.tap.open();
      tap.open = true;
    } catch (const std::system_error&) {  // out of memory: then nobody hears who won
    }
  }
  connection_ = &connection;
  unsent_ = &unsent;
  const auto address = static_cast<std::uint8_t>(options_.first_address + listener);
  if (!core_.race(offer, {client, options_.listen[listener], address}, *this)) return false;
  tap.last_race = clock_.mono();
  return true;
}

net::TcpHandoff HttpRacing::hand_over(std::string_view answer) noexcept {
  const net::TcpHandoff held = net::hand_over(*connection_, answer);
  if (held.result != net::Handover::fits && held.held > 0) unsent_->assign(answer.substr(held.held));
  return held;
}

void HttpRacing::send_packet(const wire::TcpSegment& segment) noexcept {
  std::array<std::uint8_t, 128> room{};
  const std::size_t length = wire::write_tcp_packet(segment, room);
  const net::SockAddr to(Endpoint{segment.destination.ip, 0});
  const net::Fd& fd = packets_.at(place(segment.destination.ip.family));
  // Lost, it is a verdict less.
  (void)sendto(fd.get(), room.data(), length, MSG_DONTWAIT, &to.any, to.length);
}

void HttpRacing::flush() noexcept {
  core_.flush(*this);
}

void HttpRacing::look(Tap& tap) noexcept {
  for (;;) {
    const auto got = tap.tap.take();
    const MonoTime now = clock_.mono();
    for (const wire::TcpView& packet : got) core_.look(packet, now);
    if (got.size() < net::TcpTap::kBatch) return;
  }
}

void HttpRacing::tick(MonoTime now) noexcept {
  core_.advance(now);
  std::uint64_t lost = 0;
  for (const auto& tap : taps_) {
    lost += tap->tap.lost();
    if (!tap->open || now - tap->last_race < kQuiet) continue;
    try {
      tap->tap.shut();
      tap->open = false;
    } catch (const std::system_error&) {  // the next time, then
    }
  }
  lost_.add(lost - lost_.get());
}

}  // namespace flagfall::master
