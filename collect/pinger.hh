// Sends the desk's echoes and hands it the replies, with the kernel's receive
// stamps. Shell: sockets and a timer; ping_desk.hh decides. Loop thread only.
#pragma once

#include <functional>
#include <vector>

#include "collect/ping_desk.hh"
#include "common/net/fd.hh"
#include "common/net/loop.hh"

namespace flagfall::collect {

/// Receives echo replies and nothing else.
struct PingSocket {
  Family family = Family::v4;
  net::Fd fd;
  bool raw = false;  // sees the replies of all programs of this host; else the kernel keeps them apart
};

/// One a family that this host has: raw with CAP_NET_RAW, which may be given up afterwards, else
/// the kernel's ping sockets, where net.ipv4.ping_group_range allows them. Throws
/// std::runtime_error with a line that says what to do.
std::vector<PingSocket> open_ping_sockets();

class Pinger {
 public:
  using Tell = std::function<void(const std::vector<PingDesk::Result>&)>;
  /// All references outlive the pinger. `tell` has results as they come, from the loop.
  Pinger(net::Loop& loop, const Clock& clock, Random& random, const PingOptions& options,
         std::vector<PingSocket> sockets, Tell tell);

  void order(std::size_t asker, const wire::PingOrder& order);
  /// The asker's session is over.
  void forget(std::size_t asker) { desk_.forget(asker); }
  [[nodiscard]] const PingCounters& counters() const { return desk_.counters(); }

 private:
  void receive(const PingSocket& socket);
  void send(const PingDesk::Echo& echo);
  void work();

  net::Loop& loop_;
  const Clock& clock_;
  PingDesk desk_;
  std::uint16_t id_;
  std::vector<PingSocket> sockets_;
  Tell tell_;
  std::vector<net::Watch> readable_;
  net::Watch timer_;
};

}  // namespace flagfall::collect
