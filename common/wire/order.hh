// The plaintext of an order datagram: some races, each with the client's whole
// request and the transmit identifier (docs/protocol.md §4). Pure, allocates
// nothing. Sealing and sending are not its job.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"
#include "common/base/time.hh"

namespace flagfall::wire {

/// Octets before the first order: time of sending, count.
inline constexpr std::size_t kOrdersHeader = 10;
/// RFC 9018: what a server cookie in an order measures.
inline constexpr std::size_t kOrderCookie = 16;

/// An echo leaves so long after the instant.
inline constexpr Nanos kEchoAfter = std::chrono::milliseconds(20);
/// The TTL of an echo's records: another one than the answer's, so that whoever quotes it says which it was.
constexpr std::uint32_t echo_ttl(std::uint32_t ttl) {
  return ttl > 0 ? ttl - 1 : 1;
}

/// The answer goes into a TCP connection that the master has handed over, as one segment
/// (docs/design/tcp-race.md).
struct OrderSegment {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint32_t timestamp = 0;
  std::uint16_t window = 0;
  /// Not 0: it begins with so many octets that the client has already, and has no timestamp.
  std::uint8_t early = 0;
  bool operator==(const OrderSegment&) const = default;
};

/// The segment may have what the slave's own server answers, instead of a redirect
/// (docs/design/content-races.md).
struct OrderContent {
  std::uint16_t length = 0;  // octets of the segment, the same of all slaves
  std::uint16_t blanks = 0;  // where in the redirect blanks go until it has so many: behind a field's value
  bool close = false;        // the connection ends with the answer
  Bytes redirect{};          // what is sent when there is no content in time
};

/// One race for one slave; views into the datagram it was read from.
struct Order {
  std::uint64_t race = 0;     // transmit identifier, part 1
  RefTime instant;            // transmit identifier, part 2
  std::uint16_t service = 0;  // index into the session's Services message
  std::uint8_t address =
      0;                // index into that service's addresses: what the client asked, the answer's source
  bool echo = false;    // send the answer a second time, kEchoAfter after the instant, with echo_ttl()
  bool beacon = false;  // answer with a name in the slave's own zone
  bool shadow = false;  // prepare and time, send nothing
  bool prompt =
      false;  // no race: the answer leaves when it is there, whatever the instant and the clocks say
  Endpoint client;
  Bytes server_cookie;  // 16 octets to return to a client that sent a cookie, or empty
  std::optional<OrderSegment> segment{};
  std::optional<OrderContent> content{};  // only with a segment
  /// The client's datagram as it came. With a segment its content, as it shall be sent; with `content` what
  /// the slave asks its server.
  Bytes request;
};

/// Encodes orders into `room`; the sealed datagram around them is net/seal.hh's.
class OrderWriter {
 public:
  /// `sent`: reference time of sending, for the one-way delay. Room for less than kOrdersHeader
  /// octets takes no orders.
  OrderWriter(MutableBytes room, RefTime sent);
  /// False, and nothing written, when it does not fit.
  bool add(const Order& order);
  /// Sets the time of sending; right before the datagram is sealed.
  void stamp(RefTime sent);
  /// Octets written so far, header included.
  [[nodiscard]] std::size_t size() const { return used_; }
  [[nodiscard]] unsigned count() const { return count_; }

 private:
  MutableBytes room_;
  std::size_t used_ = 0;
  std::uint16_t count_ = 0;
};

/// Octets that this order takes behind the kOrdersHeader.
std::size_t order_size(const Order& order);

/// Reads them back. `next` gives false at the end; `ok` tells a good end from malformed bytes.
/// Orders that came before a fault stand.
class OrderReader {
 public:
  explicit OrderReader(Bytes plaintext);
  bool next(Order& out);
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] RefTime sent() const { return sent_; }

 private:
  ByteReader reader_;
  RefTime sent_;
  std::uint16_t left_ = 0;
  bool ok_ = true;
};

}  // namespace flagfall::wire
