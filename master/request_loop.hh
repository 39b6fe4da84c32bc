// The shell around a RequestCore: one thread with one event loop, the sockets of
// all service addresses (UDP and TCP), and a socket for orders. Made, started
// and destroyed by the control thread; only publish() and the counters may be
// used while it runs. It decides nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/dns/cookies.hh"
#include "common/dns/front_end.hh"
#include "common/dns/zone.hh"
#include "common/net/tcp.hh"
#include "master/request_core.hh"

namespace flagfall::master {

struct LoopOptions {
  std::vector<Endpoint> listen;
  unsigned index = 0;
  unsigned count = 1;
  int receive_buffer = 0;
  net::TcpOptions tcp;
  /// Orders leave from here, to slaves of its family; one a family at most. Unspecified: as routing says.
  std::vector<IpAddress> order_sources;
  int order_dscp = 0;
  dns::FrontEnd::Options dns;
  RequestOptions core;            // loop and loops are filled in
  RecordRing* records = nullptr;  // what the loop tells of races; outlives it
};

/// Written by the loop, read by any thread.
struct LoopCounters {
  Counter bursts;
  Counter answers_sent;
  Counter answers_failed;       // refused by the kernel
  Counter icmp_errors;          // on service sockets: late answers that found the port closed, mostly
  Counter receive_queue_drops;  // by the kernel, on a full socket queue
  std::atomic<std::uint64_t> tracked_networks{0};  // by the guard, a second ago at most
};

class RequestLoop {
 public:
  /// Binds the sockets: loops are made in the order of their index, then steered
  /// (steer()). `zones`, `cookies`, `clock` and `random` outlive it; `random` is
  /// only used here. Throws std::system_error.
  RequestLoop(const LoopOptions& options, const std::vector<std::unique_ptr<dns::Zone>>& zones,
              const dns::Cookies& cookies, const Clock& clock, Random& random,
              std::shared_ptr<const Snapshot> first);
  /// Ends the thread.
  ~RequestLoop();
  RequestLoop(const RequestLoop&) = delete;
  RequestLoop& operator=(const RequestLoop&) = delete;
  RequestLoop(RequestLoop&&) = delete;
  RequestLoop& operator=(RequestLoop&&) = delete;

  /// Once, on the first of several loops, when all have bound: gives each client network to one loop.
  void steer(const GuardOptions& guard, std::uint32_t seed);
  void start();
  /// Any thread. The loop takes it over between two bursts.
  void publish(std::shared_ptr<const Snapshot> snapshot);

  /// Where it really listens (ports, when 0 was asked for).
  [[nodiscard]] std::vector<Endpoint> local() const;
  /// The smallest receive queue that the kernel granted, in bytes.
  [[nodiscard]] int granted_receive_buffer() const;
  [[nodiscard]] const LoopCounters& counters() const;
  [[nodiscard]] const RequestCounters& requests() const;
  [[nodiscard]] const dns::DnsCounters& dns() const;
  [[nodiscard]] const OrderCounters& orders(std::size_t slave) const;
  /// errno of the last order datagram that failed; 0: none has.
  [[nodiscard]] int order_error() const;
  [[nodiscard]] std::uint64_t led(std::size_t service, director::ServerIndex server) const;
  /// One a service address, in order.
  [[nodiscard]] std::vector<const net::TcpCounters*> tcp() const;

 private:
  struct Shell;
  std::unique_ptr<Shell> shell_;
};

/// With several loops a second daemon could share the ports unnoticed
/// (SO_REUSEPORT), so look first whether all of them are free. Throws std::system_error.
void require_free_ports(const std::vector<Endpoint>& listen);

}  // namespace flagfall::master
