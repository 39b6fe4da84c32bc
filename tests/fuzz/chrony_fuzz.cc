// Any bytes as chronyd's reply: the parser, and the tracker that believes it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "clocksync/chrony_tracker.hh"

using namespace flagfall;  // NOLINT(*-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes datagram{data, size};
  const wire::ChronyReply parsed = wire::parse_tracking_reply(datagram);
  if (parsed.verdict == wire::ChronyVerdict::ok &&
      (parsed.tracking.root_delay < Nanos(0) || parsed.tracking.root_dispersion < Nanos(0)))
    std::abort();

  // Twice with the sequence that it names: the second one may be believed.
  clocksync::ChronyTracker tracker({});
  clocksync::ClockPair now{from_ns<MonoTime>(1'000'000'000), {Nanos(1'700'000'000'000'000'000), Nanos(100)}};
  for (int i = 0; i < 2; ++i) {
    (void)tracker.request(now, parsed.sequence);
    now.mono += std::chrono::milliseconds(1);
    (void)tracker.reply(datagram, now);
    now.mono += std::chrono::seconds(1);
  }
  if (tracker.map().bound_at(now.mono) < Nanos(0)) std::abort();
  (void)tracker.missed("no reply");
  (void)tracker.interval();
  return 0;
}
