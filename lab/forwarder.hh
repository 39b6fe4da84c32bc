// The network's shell: reads packets from the hosts' TUNs, lets the Network
// decide, and writes each at its deadline, strictly in deadline order. The one
// thread of the lab; other descriptors (signals, control socket) are watched in
// between. It sleeps until a guard before the next deadline and then spins,
// since a wake-up alone takes 50 to 110 us on a virtual CPU (facts measured on
// Linux 6.18: excess over the delay with the guard p50 3 to 12 us).
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/histogram.hh"
#include "common/net/fd.hh"
#include "lab/capture.hh"
#include "lab/deadline_queue.hh"
#include "lab/network.hh"

namespace flagfall::lab {

struct ForwarderStats {
  std::uint64_t entered = 0;
  std::uint64_t delivered = 0;
  std::array<std::uint64_t, kDropReasons> drops{};
  /// From a packet's deadline to the write into its destination.
  Histogram excess;
};

class Forwarder {
 public:
  struct Options {
    Nanos guard = std::chrono::microseconds(150);
    std::optional<Capture> released{};  // stamped at the write into the destination
    std::optional<Capture> entered{};   // stamped when taken from the source
  };
  /// One TUN a host, in the topology's order.
  Forwarder(const Topology& topology, std::vector<net::Fd> tuns, Options options, const Clock& clock);

  /// Calls back on this thread whenever `fd` is readable. For the forwarder's life.
  void watch(int fd, std::function<void()> callback);
  /// No longer; before `fd` is closed.
  void unwatch(int fd);
  /// Until stop(). Captures are complete when it returns.
  void run();
  void stop() { stopping_ = true; }
  /// What captures have so far goes to their files; else that happens when the network has been idle.
  void flush_captures();

  Network& network() { return network_; }
  [[nodiscard]] const ForwarderStats& stats() const { return *stats_; }
  [[nodiscard]] std::size_t under_way() const { return queue_.size(); }

 private:
  struct UnderWay {
    std::uint32_t slot = 0;
    std::uint32_t length = 0;
    HostId to = 0;
  };
  struct Watched {
    int fd = -1;
    std::function<void()> callback;
  };
  void release_due();
  /// Packets of one host, at most a few: deadlines of others come first. False when it had none.
  void take_from(HostId host);
  void drop(Drop reason) { ++stats_->drops[static_cast<std::size_t>(reason)]; }
  /// How long to sleep, zero to spin.
  [[nodiscard]] Nanos pause() const;
  [[nodiscard]] std::uint8_t* slot(std::uint32_t index) { return &storage_[std::size_t{index} * slot_size_]; }

  Network network_;
  std::vector<net::Fd> tuns_;
  Options options_;
  const Clock& clock_;
  net::Fd epoll_;
  std::size_t slot_size_;
  /// Not initialised, unlike a vector: pages of it are touched only as they are needed.
  using Octets = std::uint8_t[];  // NOLINT(*-avoid-c-arrays)
  std::unique_ptr<Octets> storage_;
  std::vector<std::uint32_t> free_slots_;
  DeadlineQueue<UnderWay> queue_;
  std::vector<std::unique_ptr<Watched>> watched_;
  std::unique_ptr<ForwarderStats> stats_ = std::make_unique<ForwarderStats>();
  bool stopping_ = false;
};

}  // namespace flagfall::lab
