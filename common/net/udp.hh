// UDP sockets and batches: recvmmsg with kernel receive stamps, sendmmsg.
// One thread owns a socket and its batches. Nothing allocates after construction.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/net/fd.hh"
#include "common/net/sockaddr.hh"

namespace flagfall::net {

struct UdpOptions {
  /// Several loops on one address (SO_REUSEPORT).
  bool reuse_port = false;
  /// IP_TRANSPARENT: bind to an address that is not ours; needs CAP_NET_RAW or CAP_NET_ADMIN.
  bool foreign_source = false;
  /// SO_TIMESTAMPNS: kernel receive stamps.
  bool receive_stamps = false;
  /// DF always, errors instead of fragments; path MTU not learned from the network.
  bool dont_fragment = false;
  /// IP_RECVERR: ICMP errors reach the error queue, which must then be drained (udp_errors.hh).
  bool receive_errors = false;
  /// SO_RCVTIMEO: how long UdpReceiver::wait() waits, in the kernel's ticks; 0: it does not.
  Nanos receive_wait{};
  int receive_buffer = 0;  // bytes, 0: the system's default
  int send_buffer = 0;
  int dscp = 0;  // 0..63
};

/// A bound, unconnected socket, non-blocking except for UdpReceiver::wait(). Throws std::system_error that
/// names the address and, for EADDRINUSE, EACCES and EPERM, says what to do.
Fd udp_socket(const Endpoint& local, const UdpOptions& options);

/// The address that a socket is bound to (its port, when 0 was asked for).
Endpoint local_endpoint(const Fd& fd);

/// Bytes of the receive queue that the kernel granted.
int granted_receive_buffer(const Fd& fd);

/// One received datagram: views into its UdpReceiver, valid until the next receive.
struct Datagram {
  MutableBytes data;  // may be rewritten in place
  Endpoint from;
  RealTime stamp;  // the kernel's receive stamp; the epoch when there was none
  bool truncated = false;
};

class UdpReceiver {
 public:
  static constexpr unsigned kBatch = 64;
  explicit UdpReceiver(std::size_t datagram_size = 4096);
  /// Up to kBatch datagrams that are there; fewer than kBatch mean that the
  /// socket is empty. A pending ICMP error (ECONNREFUSED and kin) is retried,
  /// counted in `errors()`, and never ends the batch.
  std::span<Datagram> receive(const Fd& fd) { return take(fd, MSG_DONTWAIT); }
  /// The same, but waits for the first of them, for UdpOptions::receive_wait at most.
  std::span<Datagram> wait(const Fd& fd) { return take(fd, MSG_WAITFORONE); }
  [[nodiscard]] std::uint64_t errors() const { return errors_; }
  /// Datagrams the kernel dropped on a full socket queue, as SO_RXQ_OVFL last said.
  [[nodiscard]] std::uint32_t kernel_drops() const { return kernel_drops_; }

 private:
  struct Slot;
  std::span<Datagram> take(const Fd& fd, int flags);
  std::vector<std::uint8_t> storage_;
  std::vector<Slot> slots_;
  std::vector<mmsghdr> headers_;
  std::vector<Datagram> out_;
  std::size_t used_ = kBatch;  // headers that the kernel wrote into
  std::uint64_t errors_ = 0;
  std::uint32_t kernel_drops_ = 0;

 public:
  ~UdpReceiver();
  UdpReceiver(UdpReceiver&& other) noexcept;
  UdpReceiver& operator=(UdpReceiver&& other) noexcept;
  UdpReceiver(const UdpReceiver&) = delete;
  UdpReceiver& operator=(const UdpReceiver&) = delete;
};

/// Datagrams gathered, then sent in as few calls as there are batches.
class UdpSender {
 public:
  static constexpr unsigned kBatch = 64;
  explicit UdpSender(std::size_t datagram_size = 4096);

  /// Room to write the next datagram into; send first when `full()`.
  [[nodiscard]] MutableBytes room();
  /// The first `length` bytes of room() go to `to`.
  void commit(std::size_t length, const Endpoint& to);
  [[nodiscard]] bool full() const { return used_ == kBatch; }
  [[nodiscard]] bool empty() const { return used_ == 0; }
  [[nodiscard]] unsigned size() const { return used_; }

  struct Sent {
    unsigned sent = 0;
    /// Refused by the kernel for good: EAGAIN on a full buffer, EMSGSIZE, ENETUNREACH, ...
    unsigned failed = 0;
    int first_error = 0;            // errno of the first failure
    std::uint64_t failed_mask = 0;  // bit i: the datagram committed as number i failed
  };
  /// Sends all and empties the batch. A pending ICMP error of an earlier
  /// datagram is retried, never counted as a lost send.
  Sent flush(const Fd& fd);

 private:
  std::size_t datagram_size_;
  std::vector<std::uint8_t> storage_;
  std::vector<SockAddr> addresses_;
  std::vector<iovec> vectors_;
  std::vector<mmsghdr> headers_;
  unsigned used_ = 0;
};

}  // namespace flagfall::net
