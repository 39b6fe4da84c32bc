#include "common/dns/dns_tcp.hh"

#include <algorithm>
#include <cassert>

namespace flagfall::dns {

DnsTcp::DnsTcp(const Answer& answer, const Endpoint& peer, MutableBytes room)
    : answer_(answer), peer_(peer), room_(room) {
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
      const std::size_t length = answer_(got.message, peer_, room_.subspan(wire::kStreamPrefix));
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

}  // namespace flagfall::dns
