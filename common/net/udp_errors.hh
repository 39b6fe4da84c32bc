// The error queue of a UDP socket (UdpOptions::receive_errors): ICMP errors that
// came back for datagrams sent from this address, with what they quote. While
// an entry waits, the socket polls as readable, so whoever asks for the queue
// must drain it. One thread owns the socket and this. Nothing allocates after
// construction.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/net/fd.hh"

namespace flagfall::net {

/// One ICMP error; views into its UdpErrors, valid until the next drain.
struct UdpError {
  Endpoint to;         // where the datagram that caused it was sent
  IpAddress offender;  // who sent the ICMP error
  int error = 0;       // ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ...
  std::uint8_t type = 0, code = 0;
  Bytes quoted;    // the start of the datagram's payload
  RealTime stamp;  // when the error came, with UdpOptions::receive_stamps; else the epoch
};

class UdpErrors {
 public:
  static constexpr unsigned kBatch = 32;
  UdpErrors();
  ~UdpErrors();
  UdpErrors(UdpErrors&& other) noexcept;
  UdpErrors& operator=(UdpErrors&& other) noexcept;
  UdpErrors(const UdpErrors&) = delete;
  UdpErrors& operator=(const UdpErrors&) = delete;

  /// Takes up to kBatch entries; errors of this host itself (no ICMP) are dropped.
  std::span<UdpError> drain(const Fd& fd);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace flagfall::net
