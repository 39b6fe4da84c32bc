// An answer on its way to a client, and the pool that holds all of them. A shot
// belongs to the loop thread until its index is pushed to the transmit thread,
// and again after the transmit thread has handed the index back.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/wire/session.hh"

namespace flagfall::slave {

/// No answer over UDP is longer: what a path of 1,280 octets carries (DNS flag day 2020).
inline constexpr std::size_t kMaxAnswer = 1232;
/// Nor a packet with its headers.
inline constexpr std::size_t kMaxPacket = 1280;

struct Shot {
  // Written by the loop thread.
  MonoTime due;  // the instant, by our clock
  std::uint64_t race = 0;
  std::uint32_t session = 0;  // whose race; the session may be gone when the shot comes back
  std::uint16_t link = 0;     // which master's
  std::uint16_t source = 0;   // index into the sockets
  std::uint16_t length = 0;   // octets of the answer, or of the whole packet
  bool echo = false;          // an answer's second sending: no outcome of its own
  bool late = false;          // the order came, or its answer was ready, after the instant
  bool prompt = false;        // no race: leaves when it is there, and has no outcome
  bool drop_late = false;     // its service's rule, for an answer that is still to come
  Endpoint client;
  Nanos one_way{};  // for the report
  // Written by the transmit thread.
  wire::RaceOutcome::Fate fate = wire::RaceOutcome::Fate::failed;
  MonoTime transmitted;  // the kernel's transmit stamp, or the time of the call
};

/// Who asked whom.
struct ProxiedRequest {
  Endpoint client;
  Endpoint server;
};

/// Shots and the room for their answers, allocated once. Pages of answers that
/// were never used are never touched. take() and give_back(): loop thread.
///
/// A shot may go with a better answer, in another slot, if that is ready before the shot's turn: the loop
/// thread offers it, the transmit thread settles which one it is, and neither waits for the other.
class ShotPool {
 public:
  explicit ShotPool(std::uint32_t capacity)
      : shots_(capacity),
        answers_(std::make_unique_for_overwrite<Answers>(capacity * kMaxPacket)),
        slots_(capacity) {
    free_.reserve(capacity);
    for (std::uint32_t i = capacity; i-- > 0;) free_.push_back(i);
  }
  [[nodiscard]] std::optional<std::uint32_t> take() {
    if (free_.empty()) return std::nullopt;
    const std::uint32_t index = free_.back();
    free_.pop_back();
    slots_[index].answer.store(kOwn, std::memory_order_relaxed);
    return index;
  }
  void give_back(std::uint32_t index) {
    assert(free_.size() < shots_.size());
    ++slots_[index].turn;
    free_.push_back(index);
  }
  [[nodiscard]] Shot& operator[](std::uint32_t index) { return shots_[index]; }
  [[nodiscard]] MutableBytes answer(std::uint32_t index) {
    return {answers_.get() + std::size_t{index} * kMaxPacket, kMaxPacket};
  }
  /// Another answer may be offered for it. Loop thread, before it is handed over.
  void open(std::uint32_t index) { slots_[index].answer.store(kOpen, std::memory_order_relaxed); }
  /// Which use of a slot this is. Loop thread.
  [[nodiscard]] std::uint32_t turn(std::uint32_t index) const { return slots_[index].turn; }
  /// `other`'s answer goes instead of the shot's own; false: it is too late. Loop thread.
  bool offer(std::uint32_t index, std::uint32_t other) {
    std::uint32_t expected = kOpen;
    return slots_[index].answer.compare_exchange_strong(expected, other, std::memory_order_acq_rel);
  }
  /// The slot whose answer goes, the same whenever it is asked again. Transmit thread.
  std::uint32_t settle(std::uint32_t index) {
    std::uint32_t answer = slots_[index].answer.load(std::memory_order_acquire);
    if (answer == kOpen &&
        slots_[index].answer.compare_exchange_strong(answer, kOwn, std::memory_order_acq_rel))
      answer = kOwn;
    return answer == kOwn ? index : answer;
  }
  /// What was offered for a shot that came back. Loop thread.
  [[nodiscard]] std::optional<std::uint32_t> offered(std::uint32_t index) const {
    const std::uint32_t answer = slots_[index].answer.load(std::memory_order_relaxed);
    return answer < kOpen ? std::optional(answer) : std::nullopt;
  }
  [[nodiscard]] std::size_t capacity() const { return shots_.size(); }
  [[nodiscard]] std::size_t in_use() const { return shots_.size() - free_.size(); }

 private:
  using Answers = std::uint8_t[];  // NOLINT(*-avoid-c-arrays): a vector would touch every page
  static constexpr std::uint32_t kOwn = 0xffffffff;   // it goes with its own answer
  static constexpr std::uint32_t kOpen = 0xfffffffe;  // so far
  struct Slot {
    std::atomic<std::uint32_t> answer{kOwn};
    std::uint32_t turn = 0;
  };
  std::vector<Shot> shots_;
  std::unique_ptr<Answers> answers_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace flagfall::slave
