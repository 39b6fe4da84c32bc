// The sockets that a loop's order datagrams leave from: one a family at most. One loop's.
#pragma once

#include <atomic>
#include <span>
#include <vector>

#include "common/base/ip.hh"
#include "common/net/fd.hh"
#include "common/net/udp.hh"
#include "master/order_book.hh"

namespace flagfall::master {

class OrderSockets final : public OrderSink {
 public:
  /// `sources`: one a family at most; unspecified: as routing says. `size`: of the largest datagram. Throws
  /// std::system_error.
  OrderSockets(const std::vector<IpAddress>& sources, int dscp, std::size_t size);

  void send_orders(std::span<OrderDatagram> datagrams) override;
  /// errno of the last datagram that failed; any thread.
  [[nodiscard]] int last_error() const { return last_error_.load(std::memory_order_relaxed); }

 private:
  void send(std::span<OrderDatagram> datagrams, Family family, const net::Fd& fd);
  void flush(std::span<OrderDatagram*> batch, const net::Fd& fd);

  net::Fd v4_;
  net::Fd v6_;
  net::UdpSender sender_;
  std::atomic<int> last_error_{0};
};

}  // namespace flagfall::master
