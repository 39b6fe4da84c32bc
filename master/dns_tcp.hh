// DNS over one TCP connection: messages out of the stream, each answered at once
// and in order by the loop's request core; never raced.
#pragma once

#include "common/net/tcp.hh"
#include "common/wire/dns_stream.hh"
#include "master/request_core.hh"

namespace flagfall::master {

class DnsTcp final : public net::TcpProtocol {
 public:
  /// A query is never long; a client that announces more is cut off.
  static constexpr std::size_t kMostQuery = 4096;
  static constexpr std::size_t kRoom = wire::kStreamPrefix + 65535;

  /// Everything outlives the connection. `room`: kRoom octets, shared by the connections of a loop.
  DnsTcp(RequestCore& core, const Clock& clock, const Endpoint& peer, MutableBytes room);
  Step take(Bytes bytes) override;

 private:
  RequestCore& core_;
  const Clock& clock_;
  Endpoint peer_;
  MutableBytes room_;
  wire::DnsStreamReader reader_{kMostQuery};
};

}  // namespace flagfall::master
