// Connections become figures about client networks. Pure; one object a look at the
// kernel's table: add() each connection, then take(). Bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "collect/tcp_diag.hh"
#include "common/wire/evidence.hh"

namespace flagfall::collect {

struct PathOptions {
  /// The servers' addresses; a wildcard stands for all of its family, [::] for IPv4's, too.
  std::vector<Endpoint> servers;
  unsigned prefix_v4 = 24;  // bits of a client network
  unsigned prefix_v6 = 56;
  /// Connections that were quiet for longer say nothing new.
  Nanos fresh = std::chrono::seconds(5);
  std::size_t networks = 2048;  // of one look
};

class TcpPaths {
 public:
  explicit TcpPaths(const PathOptions& options) : options_(options) {}

  /// Counts it when it belongs to one of the servers.
  void add(const TcpConnection& connection);
  /// Of the servers' connections, those that are open.
  [[nodiscard]] std::uint64_t open() const { return open_; }
  /// Connections whose network found no room.
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }
  /// The networks' figures; what was added is gone.
  std::vector<wire::TcpPath> take();

 private:
  struct Network {
    std::vector<Nanos> smoothed;
    std::vector<std::uint64_t> rates;
    Nanos least = Nanos::max();
    std::uint64_t sent = 0, retransmitted = 0;
  };
  [[nodiscard]] bool served(const Endpoint& local) const;

  /// Connections of one network that are remembered; those beyond count only as open.
  static constexpr std::size_t kMostOfNetwork = 1024;
  PathOptions options_;
  std::map<Prefix, Network> networks_;
  std::uint64_t open_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace flagfall::collect
