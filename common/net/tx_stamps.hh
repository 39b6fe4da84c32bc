// The kernel's transmit stamps of a UDP socket (SO_TIMESTAMPING): when each
// datagram was handed to the network device, on CLOCK_REALTIME. They come over
// the error queue; while one waits there the socket polls as readable, so
// whoever asks for them must drain it. One thread owns the socket and this.
// Nothing allocates after construction.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "common/base/time.hh"
#include "common/net/fd.hh"

namespace flagfall::net {

struct TxStamp {
  std::uint32_t number = 0;  // counts the datagrams that this socket has sent, from 0
  RealTime stamp;
};

class TxStamps {
 public:
  static constexpr unsigned kBatch = 16;

  /// Asks for stamps; numbers count from here. For unconnected sockets: on
  /// connected ones ICMP errors make numbers slip. Throws std::system_error.
  static void enable(const Fd& fd);
  /// Takes up to kBatch entries off the error queue. What else waited there is dropped.
  std::span<TxStamp> drain(const Fd& fd);

 private:
  std::array<TxStamp, kBatch> out_;
};

}  // namespace flagfall::net
