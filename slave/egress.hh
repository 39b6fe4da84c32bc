// Sends shots: arguments made beforehand, one sendmmsg a socket, kernel transmit
// stamps read afterwards. Transmit thread only. It does not wait and knows
// nothing of instants but how far it missed them.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "common/base/counters.hh"
#include "common/base/histogram.hh"
#include "common/base/time.hh"
#include "slave/shot.hh"
#include "slave/source_socket.hh"
#include "slave/spsc_ring.hh"

namespace flagfall::slave {

/// Written by the transmit thread, read by any.
struct EgressStats {
  Counter sent;
  Counter failed;     // the kernel refused: full send buffer, no route
  Counter stamped;    // sent, with a kernel stamp
  Counter unstamped;  // sent, and no stamp came: the call's time stands in
  Histogram call;     // call minus instant, of answers that were ready in time
  Histogram stamp;    // kernel stamp minus instant, of the same
};

class Egress {
 public:
  static constexpr std::size_t kBatch = 64;

  /// Indexes of shots that are finished go into `done`, which has room for the whole pool.
  Egress(std::vector<SourceSocket> sources, ShotPool& pool, const Clock& clock,
         SpscRing<std::uint32_t>& done);
  ~Egress();
  Egress(const Egress&) = delete;
  Egress& operator=(const Egress&) = delete;
  Egress(Egress&&) = delete;
  Egress& operator=(Egress&&) = delete;

  /// Makes the calls' arguments for at most kBatch shots; replaces what was prepared before.
  void prepare(std::span<const std::uint32_t> shots);
  /// Sends what is prepared, at once.
  void send();
  /// Reads the stamps that have come; gives up those that are too late. After the sends, never between.
  void collect();
  /// Stamps are awaited: collect() soon.
  [[nodiscard]] bool awaiting() const;
  [[nodiscard]] const EgressStats& stats() const { return stats_; }

 private:
  struct Socket;
  struct Batch;
  void send_group(Socket& socket, std::size_t from, std::size_t to);
  void note_sent(Socket& socket, std::uint32_t index, MonoTime call);
  void read_stamps(Socket& socket);
  void finish(std::uint32_t shot);

  ShotPool& pool_;
  const Clock& clock_;
  SpscRing<std::uint32_t>& done_;
  std::vector<Socket> sockets_;
  std::unique_ptr<Batch> batch_;
  EgressStats stats_;
};

}  // namespace flagfall::slave
