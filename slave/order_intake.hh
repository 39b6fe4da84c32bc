// Order datagrams from the sockets to the desk, shots from the desk to the
// transmit thread, finished shots back. Loop thread only; decides nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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
  /// `issued`: who shall know of beacons before their answers leave; `ask`, `ask_content`: who asks this
  /// site's servers for whole answers, or for content; all may be empty.
  OrderIntake(net::Loop& loop, const Clock& clock, OrderDesk& desk, Transmitter& transmitter,
              std::function<const clocksync::RefMap&()> map,
              std::function<void(const IssuedBeacon&)> issued = {},
              std::function<void(const UdpAsk&)> ask = {},
              std::function<void(const ContentAsk&)> ask_content = {});
  ~OrderIntake();
  OrderIntake(const OrderIntake&) = delete;
  OrderIntake& operator=(const OrderIntake&) = delete;
  OrderIntake(OrderIntake&&) = delete;
  OrderIntake& operator=(OrderIntake&&) = delete;

  /// Reads from these sockets from now on.
  void listen(std::vector<net::Fd> sockets);
  /// Takes back what the transmit thread has finished.
  void take_back();

  /// Receive errors (ICMP), and datagrams that the kernel dropped on a full queue; of all sockets.
  [[nodiscard]] std::uint64_t receive_errors() const;
  [[nodiscard]] std::uint64_t kernel_drops() const;

 private:
  /// The kernel counts drops for each socket, and so does a receiver.
  struct Input;
  void receive(Input& input);

  net::Loop& loop_;
  const Clock& clock_;
  OrderDesk& desk_;
  Transmitter& transmitter_;
  std::function<const clocksync::RefMap&()> map_;
  std::function<void(const IssuedBeacon&)> issued_;
  std::function<void(const UdpAsk&)> ask_;
  std::function<void(const ContentAsk&)> ask_content_;
  std::vector<std::unique_ptr<Input>> inputs_;
};

/// Binds the addresses on which orders arrive. An IPv6 address on a host without
/// IPv6 is left out with a warning. Throws std::system_error.
std::vector<net::Fd> open_order_sockets(const std::vector<Endpoint>& listen, std::int64_t receive_buffer);

}  // namespace flagfall::slave
