// Sends shots: arguments made beforehand, one sendmmsg a socket, kernel transmit
// stamps read afterwards. Transmit thread only. It does not wait and knows
// nothing of instants but how far it missed them.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "common/base/counters.hh"
#include "common/base/histogram.hh"
#include "common/base/spsc_ring.hh"
#include "common/base/time.hh"
#include "slave/lead.hh"
#include "slave/shot.hh"
#include "slave/source_socket.hh"
#include "slave/stamp_window.hh"

namespace flagfall::slave {

/// Written by the transmit thread, read by any.
struct EgressStats {
  Counter sent;
  Counter failed;     // the kernel refused: full send buffer, no route
  Counter calls;      // of sendmmsg that sent something
  Counter stamped;    // sent, with a kernel stamp
  Counter unstamped;  // sent, and no stamp came: the call's time stands in
  Histogram call;     // call against instant minus lead, of answers that were ready in time
  Histogram stamp;    // kernel stamp against the instant, before or after, of the same
};

class Egress {
 public:
  static constexpr std::size_t kBatch = 256;

  /// Indexes of shots that are finished go into `done`, which has room for the whole pool.
  Egress(std::vector<SourceSocket> sources, ShotPool& pool, const Clock& clock,
         SpscRing<std::uint32_t>& done);
  ~Egress();
  Egress(const Egress&) = delete;
  Egress& operator=(const Egress&) = delete;
  Egress(Egress&&) = delete;
  Egress& operator=(Egress&&) = delete;

  /// Makes the calls' arguments for 1 to kBatch shots, nearest deadline first;
  /// replaces what was prepared before. One call a source, in the order of their first shots.
  void prepare(std::span<const std::uint32_t> shots);
  /// How long before its instant what is prepared is to be sent.
  [[nodiscard]] Nanos lead() const { return prepared_lead_; }
  /// Sends what is prepared, at once. `timed`: after waiting for the moment.
  void send(bool timed);
  /// Reads the stamps that have come; gives up those that are too late. After the sends, never between.
  void collect();
  /// Stamps are awaited: collect() soon.
  [[nodiscard]] bool awaiting() const;
  [[nodiscard]] const EgressStats& stats() const { return stats_; }
  /// The longest lead of all sockets. Any thread.
  [[nodiscard]] Nanos most_lead() const { return Nanos(most_lead_.load(std::memory_order_relaxed)); }

 private:
  struct Socket;
  struct Batch;
  void send_group(Socket& socket, std::size_t from, std::size_t to, bool timed);
  void note_sent(Socket& socket, const StampWindow::Entry& entry);
  void read_stamps(Socket& socket);
  void note_stamp(const Socket& socket, const StampWindow::Entry& entry, MonoTime left);
  Lead& lead_of(const SourceSocket& socket) { return leads_.at(static_cast<std::size_t>(socket.kind)); }
  void finish(std::uint32_t shot);

  ShotPool& pool_;
  const Clock& clock_;
  SpscRing<std::uint32_t>& done_;
  std::vector<Socket> sockets_;
  std::unique_ptr<Batch> batch_;
  std::array<Lead, 3> leads_;  // one a SourceSocket::Kind
  Nanos prepared_lead_{};
  std::atomic<std::int64_t> most_lead_{0};
  EgressStats stats_;
};

}  // namespace flagfall::slave
