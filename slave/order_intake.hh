// Order datagrams from the sockets to the desk, shots from the desk to the
// transmit thread, finished shots back. Loop thread only; decides nothing.
#pragma once

#include <functional>
#include <vector>

#include "clocksync/ref_clock.hh"
#include "common/net/loop.hh"
#include "common/net/udp.hh"
#include "slave/order_desk.hh"
#include "slave/transmitter.hh"

namespace flagfall::slave {

class OrderIntake {
 public:
  /// `map`: this host's clock, called whenever it is needed. All references outlive the object.
  OrderIntake(net::Loop& loop, const Clock& clock, OrderDesk& desk, Transmitter& transmitter,
              std::function<const clocksync::RefMap&()> map);

  /// Reads from these sockets from now on.
  void listen(std::vector<net::Fd> sockets);
  /// Takes back what the transmit thread has finished.
  void take_back();

  /// Receive errors (ICMP), and datagrams that the kernel dropped on a full queue.
  [[nodiscard]] std::uint64_t receive_errors() const { return receiver_.errors(); }
  [[nodiscard]] std::uint64_t kernel_drops() const { return receiver_.kernel_drops(); }

 private:
  void receive(const net::Fd& fd);

  net::Loop& loop_;
  const Clock& clock_;
  OrderDesk& desk_;
  Transmitter& transmitter_;
  std::function<const clocksync::RefMap&()> map_;
  net::UdpReceiver receiver_;
  std::vector<net::Fd> sockets_;
  std::vector<net::Watch> watches_;
};

/// Binds the addresses on which orders arrive. An IPv6 address on a host without
/// IPv6 is left out with a warning. Throws std::system_error.
std::vector<net::Fd> open_order_sockets(const std::vector<Endpoint>& listen, std::int64_t receive_buffer);

}  // namespace flagfall::slave
