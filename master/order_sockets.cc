#include "master/order_sockets.hh"

#include <array>
#include <cstring>

namespace flagfall::master {

OrderSockets::OrderSockets(const std::vector<IpAddress>& sources, int dscp, std::size_t size)
    : sender_(size) {
  const net::UdpOptions socket{.dont_fragment = true, .dscp = dscp};
  for (const IpAddress& from : sources)
    (from.family == Family::v4 ? v4_ : v6_) = net::udp_socket({from, 0}, socket);
}

void OrderSockets::send_orders(std::span<OrderDatagram> datagrams) {
  send(datagrams, Family::v4, v4_);
  send(datagrams, Family::v6, v6_);
}

void OrderSockets::send(std::span<OrderDatagram> datagrams, Family family, const net::Fd& fd) {
  if (!fd) return;
  std::array<OrderDatagram*, net::UdpSender::kBatch> batch{};
  for (OrderDatagram& d : datagrams) {
    if (d.to.ip.family != family) continue;
    if (sender_.full()) flush(batch, fd);
    batch.at(sender_.size()) = &d;
    std::memcpy(sender_.room().data(), d.bytes.data(), d.bytes.size());
    sender_.commit(d.bytes.size(), d.to);
  }
  flush(batch, fd);
}

void OrderSockets::flush(std::span<OrderDatagram*> batch, const net::Fd& fd) {
  const unsigned count = sender_.size();
  if (count == 0) return;
  const auto result = sender_.flush(fd);
  for (unsigned i = 0; i < count; ++i) batch[i]->sent = ((result.failed_mask >> i) & 1U) == 0;
  if (result.first_error != 0) last_error_.store(result.first_error, std::memory_order_relaxed);
}

}  // namespace flagfall::master
