// A scripted NTP server and a client's core, in fake time.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "clocksync/ntp_client.hh"
#include "common/base/random.hh"

namespace flagfall::clocksync::test {

using namespace std::chrono_literals;
using wire::NtpPacket;
using Datagram = std::vector<std::uint8_t>;

inline wire::NtpDigest sum(Bytes message) {
  wire::NtpDigest out{};
  for (std::size_t i = 0; i < message.size(); ++i)
    out.at(i % out.size()) = static_cast<std::uint8_t>(out.at(i % out.size()) * 31U + message[i] + i);
  return out;
}

constexpr Nanos kOneWay = 100us;
constexpr std::int64_t kEpoch = 1'790'000'000'000'000'000;

/// A server whose clock is true reference time plus `error`; remembers what
/// interleaved mode needs and stamps its sending 10 us after it wrote t3.
struct Server {
  Nanos error{};
  bool interleave = true;
  NtpPacket base = [] {
    NtpPacket p;
    p.mode = static_cast<std::uint8_t>(wire::NtpMode::server);
    p.stratum = 1;
    p.precision = -25;
    p.root_delay = 15us;
    p.root_dispersion = 15us;
    return p;
  }();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> sent;  // receive -> true transmit

  NtpPacket answer(const NtpPacket& request, RefTime arrival) {
    NtpPacket p = base;
    p.receive = wire::to_ntp(arrival + error);
    const RefTime leaves = arrival + 30us + error;
    p.origin = request.transmit;
    p.transmit = wire::to_ntp(leaves - 10us);
    for (const auto& [receive, transmit] : sent) {
      if (!interleave || request.origin == 0 || receive != request.origin) continue;
      p.origin = request.receive;
      p.transmit = transmit;
    }
    sent.emplace_back(p.receive, wire::to_ntp(leaves));
    return p;
  }
};

/// A client, its server, and monotonic time that begins at 1,000 s; the host is `offset` behind.
struct Scene {
  NtpClient client;
  Server server;
  SeededRandom random{5};
  MonoTime now{1000s};

  explicit Scene(NtpClient::Options options = {}) : client(std::move(options)) {}

  [[nodiscard]] static RefTime truth(MonoTime t) { return RefTime(Nanos(kEpoch) + t.time_since_epoch()); }
  NtpClient::Request ask() {
    now = std::max(now, client.next_request());
    return client.request(now, {random.next(), random.next()});
  }
  static Datagram bytes(const NtpPacket& packet) {
    Datagram out(wire::kNtpHeader);
    wire::encode_ntp(packet, out);
    return out;
  }
  static Datagram sign(Datagram packet, std::uint32_t key) {
    const std::size_t size = packet.size();
    packet.resize(size + wire::kNtpMac);
    wire::sign_ntp(packet, size, key, sum);
    return packet;
  }
  NtpPacket answer(const NtpClient::Request& request) {
    return server.answer(wire::parse_ntp(Bytes(request.bytes).first(request.size))->packet,
                         truth(now + kOneWay));
  }
  NtpClient::Reply deliver(const Datagram& datagram) {
    return client.reply(datagram, now + 2 * kOneWay + 30us);
  }
  NtpClient::Reply exchange() { return deliver(bytes(answer(ask()))); }
};

}  // namespace flagfall::clocksync::test
