// Any bytes as an NTP server's replies: the parser, the client that matches them
// to its requests, and the estimator that draws its line through what they say.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "clocksync/ntp_keys.hh"
#include "clocksync/ntp_pool.hh"
#include "common/base/random.hh"

using namespace flagfall;  // NOLINT(*-using-namespace)

namespace {

constexpr std::size_t kOrigin = 24;

void require(bool holds) {
  if (!holds) std::abort();
}

/// What a header says comes out again, but for delays, which are rounded up.
void round_trip(const wire::NtpPacket& packet) {
  std::vector<std::uint8_t> bytes(wire::kNtpHeader);
  wire::encode_ntp(packet, bytes);
  const auto again = wire::parse_ntp(bytes);
  require(again && again->packet.origin == packet.origin && again->packet.transmit == packet.transmit &&
          again->packet.mode == packet.mode && again->packet.root_delay >= packet.root_delay);
  for (const std::uint64_t stamp : {packet.receive, packet.transmit})
    if (const auto time = wire::from_ntp(stamp)) require(wire::from_ntp(wire::to_ntp(*time)) == *time);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input{data, size};
  if (const auto parsed = wire::parse_ntp(input)) round_trip(parsed->packet);
  (void)clocksync::find_ntp_key(as_text(input), 7, "keys");

  // The input in packets of one size, each answering one request: as it came, then
  // with the cookie that makes it a reply.
  clocksync::NtpPool pool({clocksync::NtpClient::Options{}}, {});
  SeededRandom random(1);
  MonoTime now{std::chrono::seconds(1000)};
  const std::size_t step = size >= 2 * wire::kNtpHeader ? wire::kNtpHeader : std::max<std::size_t>(size, 1);
  for (std::size_t at = 0; at < std::max<std::size_t>(size, 1) && at < 64 * wire::kNtpHeader; at += step) {
    const Bytes part = input.subspan(std::min(at, size), std::min(step, size - std::min(at, size)));
    std::vector<std::uint8_t> datagram(part.begin(), part.end());
    if (pool.client(0).stopped()) break;
    now = std::max(now, pool.client(0).next_request());
    const clocksync::NtpClient::Cookies cookies{random.next(), random.next()};
    const auto request = pool.client(0).request(now, cookies);
    pool.client(0).transmitted(request.id, now + std::chrono::microseconds(5));
    const MonoTime arrival = now + std::chrono::microseconds(200);
    pool.take(0, pool.client(0).reply(datagram, arrival), arrival);
    if (datagram.size() >= wire::kNtpHeader) {
      ByteWriter(MutableBytes(datagram).subspan(kOrigin))
          .u64((datagram.front() & 0x20U) != 0 ? cookies.transmit : cookies.receive);
      pool.take(0, pool.client(0).reply(datagram, arrival), arrival);
    }
    pool.judge(arrival);
    const auto& map = pool.map();
    if (map.status != wire::ClockStatus::unknown) {
      require(map.bound >= Nanos(0) && map.expected >= Nanos(0) && map.bound_at(arrival) >= Nanos(0));
      require(map.rate_ppm >= -100 && map.rate_ppm <= 100);
    }
  }
  return 0;
}
