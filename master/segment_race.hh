// A race in a TCP connection: which segment each slave sends, and which of them the client's first
// acknowledgement of the answer tells the winner by. Pure. The measurements behind the rules:
// docs/design/tcp-race.md.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/time.hh"
#include "common/race/finished_race.hh"
#include "common/wire/tcp_segment.hh"

namespace flagfall::master {

/// After so long the master's kernel sends its own copy of the answer (tail loss probe or retransmission, 205
/// ms).
inline constexpr Nanos kMostTcpDelay = std::chrono::milliseconds(150);

/// An idle connection, as TCP_REPAIR and TCP_INFO tell of it.
struct HandedOver {
  Endpoint client;
  Endpoint server;              // whom the client asked
  std::uint32_t send_next = 0;  // the answer's first octet
  std::uint32_t receive_next = 0;
  std::uint16_t window = 0;  // as in the header
  std::uint32_t clock = 0;   // the connection's timestamp clock at the hand-over, in ms
  std::uint16_t answer = 0;  // octets of the answer, the same of all slaves
  /// False: segments are told apart by how many octets early they begin, which a client's selective
  /// acknowledgement names (RFC 2883 §4).
  bool timestamps = true;
};

class SegmentRace {
 public:
  /// `runners`: 1 to race::kMostRunners. `delay`: from the hand-over to the instant, at least a millisecond
  /// for each runner and one more, at most kMostTcpDelay.
  SegmentRace(const HandedOver& connection, unsigned runners, Nanos delay);

  /// The timestamp of runner k's segment. No two have the same; none is above the kernel's clock at the
  /// instant, from which a later answer of its own would be delayed, and none below the hand-over's, which
  /// the client would drop.
  [[nodiscard]] std::uint32_t timestamp(unsigned runner) const;
  /// Octets before the answer that runner k's segment begins with: 0 with timestamps, otherwise k + 1.
  [[nodiscard]] std::uint8_t early(unsigned runner) const;
  /// The segment without its content and without an echo of the client's timestamp, which nobody tells the
  /// master of: 0 is none. The content must have early() and connection().answer octets.
  [[nodiscard]] wire::TcpSegment segment(unsigned runner) const;
  /// One octet that the client has had already, sent by the master at the hand-over: the client answers it at
  /// once, and goes on acknowledging at once, so that no loser's timestamp can take the winner's place.
  [[nodiscard]] wire::TcpSegment old_octet() const;
  /// The content of old_octet(): what it is makes no difference.
  static constexpr std::array<std::uint8_t, 1> kOldOctet{0};

  enum class Outcome : std::uint8_t {
    not_yet,   // it does not acknowledge the answer, or is of another connection
    won,       // certain
    unclear,   // a loser came first, or the timestamp is nobody's
    fallback,  // the master's own copy
    closed,    // the client has reset the connection
  };
  struct Told {
    Outcome outcome = Outcome::not_yet;
    std::optional<unsigned> winner{};
  };
  /// What a packet from the client says. Any packet of anybody: forged ones can at worst name a wrong winner
  /// when they hit all four numbers of the connection, the acknowledgement and a timestamp.
  [[nodiscard]] Told look(const wire::TcpView& packet);

  [[nodiscard]] const HandedOver& connection() const { return connection_; }

 private:
  [[nodiscard]] Told look_at_block(const wire::TcpView& packet) const;

  HandedOver connection_;
  unsigned runners_;
  bool tells_twice_ = false;  // the client has said that the old octet came twice
  std::uint32_t first_;       // timestamp of runner 0
};

}  // namespace flagfall::master
