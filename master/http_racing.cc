#include "master/http_racing.hh"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "common/net/raw_ip.hh"
#include "master/race_core.hh"

namespace flagfall::master {
namespace {

constexpr int kSendBuffer = 1 << 20;
/// A tap without races costs the host's packets a look each: so long after the last it is shut.
constexpr Nanos kQuiet = std::chrono::seconds(3);
/// Verdicts wait for so long: one look for many packets, which carry their own time.
constexpr Nanos kDrain = std::chrono::milliseconds(10);
constexpr Nanos kMostOwnCopy = std::chrono::milliseconds(200);
/// The nearest slave may be this much farther from a client than the master is, and wins all the same.
constexpr Nanos kFarther = std::chrono::milliseconds(100);

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

void HttpRacing::prepare(const net::Fd& listener) {
  const int one = 1;
  (void)setsockopt(listener.get(), SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
  listeners_.push_back(&listener);
  set_own_copy(std::max(own_copy_ - kFarther, options_.longest_delay));
}

/// Kernels before 6.15 know no other than kMostOwnCopy.
void HttpRacing::set_own_copy(Nanos longest_delay) noexcept {
  constexpr int kRtoMin = 45;  // TCP_RTO_MIN_US, Linux 6.15: in microseconds
  own_copy_ = std::min(longest_delay + kFarther, kMostOwnCopy);
  const int us = static_cast<int>(own_copy_.count() / 1000);
  for (const net::Fd* const listener : listeners_)
    if (setsockopt(listener->get(), IPPROTO_TCP, kRtoMin, &us, sizeof us) != 0) own_copy_ = kMostOwnCopy;
  core_.set_most_delay(std::min(own_copy_ - kFarther / 2, kMostTcpDelay));
}

void HttpRacing::take_over(std::shared_ptr<const Snapshot> snapshot) {
  (void)flush();
  // A reload may have made a delay longer: connections from now on have the time for it.
  for (const RacedService& service : snapshot->services)
    if (!service.web.empty() && service.delay + kFarther > own_copy_ && own_copy_ < kMostOwnCopy)
      set_own_copy(service.delay);
  core_.take_over(std::move(snapshot));
}

bool HttpRacing::race(const HttpRaceOffer& offer, const net::Fd& connection, const Endpoint& client,
                      std::size_t listener, MonoTime received, std::string& unsent) noexcept {
  Tap& tap = *taps_[listener];
  if (core_.flies(client, options_.listen[listener])) drain();
  tap_ = &tap;
  connection_ = &connection;
  unsent_ = &unsent;
  const auto address = static_cast<std::uint8_t>(options_.first_address + listener);
  if (!core_.race(offer, {client, options_.listen[listener], address, received}, *this)) return false;
  tap.last_race = clock_.mono();
  return true;
}

net::TcpFit HttpRacing::look_at(std::size_t octets) noexcept {
  fit_ = net::look_at(*connection_, octets);
  return fit_;
}

net::TcpHandoff HttpRacing::hand_over(std::string_view answer) noexcept {
  if (!tap_->open) open(*tap_);
  const net::TcpHandoff held = net::hand_over(*connection_, fit_, answer);
  if (held.result != net::Handover::fits && held.held > 0) unsent_->assign(answer.substr(held.held));
  return held;
}

void HttpRacing::send_packet(const wire::TcpSegment& segment) noexcept {
  net::UdpSender& waiting = waiting_.at(place(segment.destination.ip.family));
  if (waiting.full()) send_packets();
  waiting.commit(wire::write_tcp_packet(segment, waiting.room()), {segment.destination.ip, 0});
}

/// One that is lost is a verdict less.
void HttpRacing::send_packets() noexcept {
  for (std::size_t i = 0; i < packets_.size(); ++i)
    if (!waiting_.at(i).empty()) (void)waiting_.at(i).flush(packets_.at(i));
}

unsigned HttpRacing::flush() noexcept {
  send_packets();
  return core_.flush(*this);
}

void HttpRacing::open(Tap& tap) noexcept {
  try {
    tap.tap.open();
    tap.open = true;
    tap.last_race = clock_.mono();
    drainer_ = loop_->every(kDrain, [this] { drain(); });
  } catch (const std::system_error&) {  // out of memory: then nobody hears who won
  }
}

void HttpRacing::Tap::shut() noexcept {
  try {
    tap.shut();
    open = false;
  } catch (const std::system_error&) {  // the next time, then
  }
}

void HttpRacing::drain() noexcept {
  const BurstTimes times = read_times(clock_);
  for (const auto& tap : taps_) {
    // As many as were there; what comes meanwhile waits for the next time.
    std::size_t left = net::TcpTap::kRing;
    for (auto got = tap->tap.take(); !got.empty(); got = tap->tap.take()) {
      for (const net::TcpTap::Seen& seen : got)
        core_.look(seen.packet, received_at(clock_.stamp(seen.at), times));
      left -= got.size();
      if (left < net::TcpTap::kBatch) break;
    }
  }
}

void HttpRacing::tick(MonoTime now) noexcept {
  core_.advance(now);
  std::uint64_t lost = 0;
  bool any = false;
  for (const auto& tap : taps_) {
    lost += tap->tap.lost();
    if (tap->open && now - tap->last_race >= kQuiet) tap->shut();
    any = any || tap->open;
  }
  if (!any) drainer_ = net::Watch();
  lost_.add(lost - lost_.get());
}

}  // namespace flagfall::master
