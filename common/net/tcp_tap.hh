// What clients acknowledge and reset, of all connections to one address of this host: a packet socket with a
// filter in the kernel, so that nothing else is copied, and a ring that the kernel writes into. One thread
// owns it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/net/fd.hh"
#include "common/wire/tcp_segment.hh"

namespace flagfall::net {

class TcpTap {
 public:
  static constexpr unsigned kBatch = 64;
  /// Packets that wait to be taken at most; more are lost, and counted.
  static constexpr unsigned kRing = 4096;

  /// Shut at first. `server`: whom clients connect to; an unspecified address stands for all of its family.
  /// Throws std::system_error that says what is missing.
  explicit TcpTap(const Endpoint& server);
  ~TcpTap();
  TcpTap(const TcpTap&) = delete;
  TcpTap& operator=(const TcpTap&) = delete;
  TcpTap(TcpTap&&) = delete;
  TcpTap& operator=(TcpTap&&) = delete;

  /// Shut, it costs the host's packets next to nothing.
  void open();
  void shut();
  /// Readable when something is there.
  [[nodiscard]] const Fd& fd() const { return fd_; }

  struct Seen {
    wire::TcpView packet;
    RealTime at;  // by the kernel
  };
  /// Up to kBatch of what is there: segments without data that acknowledge or reset; none when there is no
  /// more. No system call. Valid until the next call.
  std::span<const Seen> take();
  /// Packets that the ring had no room for, so far.
  [[nodiscard]] std::uint64_t lost();

 private:
  Fd fd_;
  Endpoint server_;
  std::uint8_t* ring_ = nullptr;
  unsigned next_ = 0;
  std::array<Seen, kBatch> out_;
  std::uint64_t lost_ = 0;
};

}  // namespace flagfall::net
