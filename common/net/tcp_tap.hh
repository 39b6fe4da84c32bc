// What clients acknowledge and reset, of all connections to one address of this host: a packet socket with a
// filter in the kernel, so that nothing else is copied. One thread owns it; take() allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/ip.hh"
#include "common/net/fd.hh"
#include "common/wire/tcp_segment.hh"

namespace flagfall::net {

class TcpTap {
 public:
  static constexpr unsigned kBatch = 64;
  /// The largest headers, IPv6's and TCP's with all options: all that is copied of a packet.
  static constexpr std::size_t kCopied = 100;

  /// Shut at first. `server`: whom clients connect to; an unspecified address stands for all of its family.
  /// Throws std::system_error that says what is missing.
  explicit TcpTap(const Endpoint& server);
  TcpTap(const TcpTap&) = delete;
  TcpTap& operator=(const TcpTap&) = delete;
  TcpTap(TcpTap&&) = delete;
  TcpTap& operator=(TcpTap&&) = delete;
  ~TcpTap() = default;

  /// Shut, it costs the host's packets next to nothing.
  void open();
  void shut();
  /// For the event loop: readable when something is there.
  [[nodiscard]] const Fd& fd() const { return fd_; }
  /// Up to kBatch of what is there: segments without data that acknowledge or reset. Valid until the next
  /// call.
  std::span<const wire::TcpView> take();
  /// Packets that did not fit the socket's queue, so far.
  [[nodiscard]] std::uint64_t lost();

 private:
  Fd fd_;
  Endpoint server_;
  std::vector<std::array<std::uint8_t, kCopied>> rooms_;
  std::array<wire::TcpView, kBatch> out_;
  std::uint64_t lost_ = 0;
};

}  // namespace flagfall::net
