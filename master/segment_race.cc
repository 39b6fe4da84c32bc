#include "master/segment_race.hh"

#include <cassert>

namespace flagfall::master {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

namespace {

/// What may have been answered behind this answer when it is acknowledged.
constexpr std::uint32_t kMostBehind = 1 << 16;

}  // namespace

SegmentRace::SegmentRace(const HandedOver& connection, unsigned runners, Nanos delay)
    : connection_(connection), runners_(runners) {
  assert(runners >= 1 && runners <= race::kMostRunners);
  assert(delay <= kMostTcpDelay && delay >= milliseconds(runners + 1));
  // The last one a millisecond below the kernel's clock at the instant: what is read of that may be one too
  // low, and what is only a little old leaves the connection's round trip time as it is.
  const auto at_instant =
      connection.clock + static_cast<std::uint32_t>(duration_cast<milliseconds>(delay).count());
  first_ = at_instant - runners - 1;
}

std::uint32_t SegmentRace::timestamp(unsigned runner) const {
  assert(runner < runners_);
  return first_ + runner;
}

std::uint8_t SegmentRace::early(unsigned runner) const {
  return connection_.timestamps ? 0 : static_cast<std::uint8_t>(runner + 1);
}

wire::TcpSegment SegmentRace::segment(unsigned runner) const {
  return {.source = connection_.server,
          .destination = connection_.client,
          .sequence = connection_.send_next - early(runner),
          .acknowledgement = connection_.receive_next,
          .window = connection_.window,
          .timestamps = connection_.timestamps ? std::optional(wire::TcpTimestamps{timestamp(runner), 0})
                                               : std::nullopt,
          .payload = {}};
}

wire::TcpSegment SegmentRace::old_octet() const {
  return {.source = connection_.server,
          .destination = connection_.client,
          .sequence = connection_.send_next - (connection_.timestamps ? 1 : runners_ + 1),
          .acknowledgement = connection_.receive_next,
          .window = connection_.window,
          .timestamps = connection_.timestamps ? std::optional(wire::TcpTimestamps{connection_.clock, 0})
                                               : std::nullopt,
          .payload = kOldOctet};
}

/// The first block is what came twice (RFC 2883 §4): the octets that the winner's segment began early with.
/// That there is none says something only of a client that would tell.
SegmentRace::Told SegmentRace::look_at_block(const wire::TcpView& packet) const {
  if (packet.sacks == 0) return {tells_twice_ ? Outcome::fallback : Outcome::unclear};
  const wire::SackBlock& twice = packet.sack[0];
  const std::uint32_t early = connection_.send_next - twice.begin;
  if (twice.end != connection_.send_next || early < 1 || early > runners_) return {Outcome::unclear};
  return {Outcome::won, early - 1};
}

SegmentRace::Told SegmentRace::look(const wire::TcpView& packet) {
  if (packet.source != connection_.client || packet.destination != connection_.server) return {};
  if (packet.rst) {
    // Only one that a receiver would take (RFC 5961 §3.2).
    return {packet.sequence == connection_.receive_next ? Outcome::closed : Outcome::not_yet};
  }
  const std::uint32_t end = connection_.send_next + connection_.answer;
  // Not before the answer's end, nor far behind it: only a guess that is near ends the race. A connection
  // with timestamps has them in all packets (RFC 7323 §3.2).
  if (packet.ack && packet.acknowledgement == connection_.send_next && packet.sacks > 0 &&
      packet.sack[0].begin == old_octet().sequence)
    tells_twice_ = true;
  if (!packet.ack || packet.syn || packet.acknowledgement - end > kMostBehind) return {};
  if (!connection_.timestamps) return look_at_block(packet);
  if (!packet.timestamps) return {};
  if (packet.sacks > 0) {
    const std::uint32_t sacked = packet.sack[0].end;
    if (wire::sequence_before(connection_.send_next, sacked) && !wire::sequence_before(end, sacked))
      return {Outcome::unclear};
  }
  const std::uint32_t echo = packet.timestamps->echo;
  const std::uint32_t runner = echo - first_;
  if (runner < runners_) return {Outcome::won, runner};
  // Its own copy has the clock's value at the hand-over, or of later.
  return {echo == connection_.clock || echo == connection_.clock + 1 ||
                  !wire::sequence_before(echo, first_ + runners_)
              ? Outcome::fallback
              : Outcome::unclear};
}

}  // namespace flagfall::master
