// An answer on its way to a client, and the pool that holds all of them. A shot
// belongs to the loop thread until its index is pushed to the transmit thread,
// and again after the transmit thread has handed the index back.
#pragma once

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
class ShotPool {
 public:
  explicit ShotPool(std::uint32_t capacity)
      : shots_(capacity), answers_(std::make_unique_for_overwrite<Answers>(capacity * kMaxPacket)) {
    free_.reserve(capacity);
    for (std::uint32_t i = capacity; i-- > 0;) free_.push_back(i);
  }
  [[nodiscard]] std::optional<std::uint32_t> take() {
    if (free_.empty()) return std::nullopt;
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  void give_back(std::uint32_t index) {
    assert(free_.size() < shots_.size());
    free_.push_back(index);
  }
  [[nodiscard]] Shot& operator[](std::uint32_t index) { return shots_[index]; }
  [[nodiscard]] MutableBytes answer(std::uint32_t index) {
    return {answers_.get() + std::size_t{index} * kMaxPacket, kMaxPacket};
  }
  [[nodiscard]] std::size_t capacity() const { return shots_.size(); }
  [[nodiscard]] std::size_t in_use() const { return shots_.size() - free_.size(); }

 private:
  using Answers = std::uint8_t[];  // NOLINT(*-avoid-c-arrays): a vector would touch every page
  std::vector<Shot> shots_;
  std::unique_ptr<Answers> answers_;
  std::vector<std::uint32_t> free_;
};

}  // namespace flagfall::slave
