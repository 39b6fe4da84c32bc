// DNS over one TCP connection: messages out of the stream, each answered at once
// and in order. What the answers are is its owner's.
#pragma once

#include <functional>

#include "common/net/tcp.hh"
#include "common/wire/dns_stream.hh"

namespace flagfall::dns {

class DnsTcp final : public net::TcpProtocol {
 public:
  /// A query is never long; a client that announces more is cut off.
  static constexpr std::size_t kMostQuery = 4096;
  static constexpr std::size_t kRoom = wire::kStreamPrefix + 65535;

  /// The answer's length in `room`, 0 for none.
  using Answer = std::function<std::size_t(Bytes message, const Endpoint& peer, MutableBytes room)>;

  /// Everything outlives the connection. `room`: kRoom octets, shared by the connections of a loop.
  DnsTcp(const Answer& answer, const Endpoint& peer, MutableBytes room);
  Step take(Bytes bytes) override;

 private:
  const Answer& answer_;
  Endpoint peer_;
  MutableBytes room_;
  wire::DnsStreamReader reader_{kMostQuery};
};

}  // namespace flagfall::dns
