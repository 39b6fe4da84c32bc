#include "master/dns_tcp.hh"

#include <algorithm>
#include <cassert>

namespace flagfall::master {

DnsTcp::DnsTcp(RequestCore& core, const Clock& clock, const Endpoint& peer, MutableBytes room)
    : core_(core), clock_(clock), peer_(peer), room_(room) {
  assert(room.size() >= kRoom);
}

net::TcpProtocol::Step DnsTcp::take(Bytes bytes) {
  using State = wire::DnsStreamReader::State;
  const auto got = reader_.take(bytes);
  Step step;
  step.taken = got.taken;
  switch (got.state) {
    case State::need_more:
      break;
    case State::malformed:
      step.close = true;
      break;
    case State::complete: {
      const BurstTimes times{clock_.mono(), read_real_minus_mono(clock_).offset};
      const std::size_t length =
          core_.stream_query(got.message, peer_, times, room_.subspan(wire::kStreamPrefix));
      step.message = true;
      step.close = length == 0;  // nothing to say to who speaks no DNS
      if (length == 0) break;
      std::ranges::copy(wire::stream_prefix(length), room_.begin());
      step.reply = room_.first(wire::kStreamPrefix + length);
      break;
    }
  }
  return step;
}

}  // namespace flagfall::master
