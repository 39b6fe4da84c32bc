// The shell around UdpRaces: one thread for all services of datagrams, with one event loop, the sockets of
// their addresses, and sockets for orders. Made, started and destroyed by the control thread; only publish()
// and the counters may be used while it runs. It decides nothing.
#pragma once

#include <memory>
#include <vector>

#include "master/udp_races.hh"

namespace flagfall::master {

struct UdpLoopOptions {
  struct Listen {
    Endpoint at;
    std::uint16_t service = 0;
    std::uint8_t address = 0;  // index among the service's
  };
  std::vector<Listen> listen;
  int receive_buffer = 0;
  std::vector<IpAddress> order_sources;  // see LoopOptions
  int order_dscp = 0;
  UdpRaceOptions core;
  RecordRing* records = nullptr;  // what the loop tells of races; outlives it
};

class UdpLoop {
 public:
  /// Binds the sockets. `clock` outlives it; `random` is only used here. Throws std::system_error.
  UdpLoop(const UdpLoopOptions& options, const Clock& clock, Random& random,
          std::shared_ptr<const Snapshot> first);
  /// Ends the thread.
  ~UdpLoop();
  UdpLoop(const UdpLoop&) = delete;
  UdpLoop& operator=(const UdpLoop&) = delete;
  UdpLoop(UdpLoop&&) = delete;
  UdpLoop& operator=(UdpLoop&&) = delete;

  void start();
  /// Any thread. The loop takes it over between two bursts.
  void publish(std::shared_ptr<const Snapshot> snapshot);

  // Any thread.
  [[nodiscard]] const UdpCounters& counters(std::size_t service) const;
  [[nodiscard]] const FallbackCounters& fallback() const;
  [[nodiscard]] std::uint64_t races() const;
  [[nodiscard]] const OrderCounters& orders(std::size_t slave) const;
  [[nodiscard]] int order_error() const;
  [[nodiscard]] std::uint64_t led(std::size_t service, director::ServerIndex server) const;
  /// Datagrams that the kernel dropped, as a socket's queue was full.
  [[nodiscard]] std::uint64_t receive_queue_drops() const;

 private:
  struct Shell;
  std::unique_ptr<Shell> shell_;
};

}  // namespace flagfall::master
