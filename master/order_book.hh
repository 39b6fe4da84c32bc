// Gathers the orders of one burst of queries into as few datagrams as there are
// slaves, seals each once when the burst is over, and says which races got at
// least one order out. No sockets, no clock, nothing allocated between
// take_over() calls. One object a loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/base/counters.hh"
#include "common/net/seal.hh"
#include "common/wire/order.hh"
#include "master/snapshot.hh"

namespace flagfall::master {

/// Races of a burst are bits, so a burst has at most this many queries.
inline constexpr unsigned kMostQueries = 64;

/// A sealed datagram, ready to be sent.
struct OrderDatagram {
  Bytes bytes;
  Endpoint to;
  bool sent = false;  // set by who sends it
};

/// Sends datagrams and sets `sent` of each that the kernel took.
class OrderSink {
 public:
  virtual ~OrderSink() = default;
  virtual void send_orders(std::span<OrderDatagram> datagrams) = 0;

 protected:
  OrderSink() = default;
  OrderSink(const OrderSink&) = default;
  OrderSink& operator=(const OrderSink&) = default;
};

/// Written by the loop, read by any thread.
struct OrderCounters {
  Counter orders;     // in datagrams that were sent
  Counter datagrams;  // sent
  Counter failed;     // datagrams the kernel refused
};

class OrderBook {
 public:
  /// `size`: octets of UDP payload at most. `channel`: the loop, see net::SealHeader.
  /// `slaves`: how many are configured. `runners`: slaves in one race at most.
  OrderBook(std::size_t size, std::uint8_t channel, std::size_t slaves, unsigned runners);

  /// Octets of a request that surely fits: for an IPv6 client with a cookie.
  [[nodiscard]] std::size_t most_request() const { return most_request(size_); }
  /// The same of a book of datagrams of this size.
  [[nodiscard]] static std::size_t most_request(std::size_t size);
  /// Octets of an answer that surely fits as a segment's content.
  [[nodiscard]] std::size_t most_segment() const;

  /// Octets of a redirect and of the request for content together that surely fit beside each other.
  [[nodiscard]] std::size_t most_content() const;

  /// Between bursts. A session's sealer lives as long as its key does: its
  /// counter is a nonce and must never start again.
  void take_over(const Snapshot& snapshot);

  /// One order of race `query` (its place in the burst) for a slave that is live in the snapshot.
  void add(std::uint16_t slave, unsigned query, const wire::Order& order) noexcept;

  /// Stamps, seals and sends everything. Bit i: at least one order of race i was sent.
  std::uint64_t flush(RefTime sent, OrderSink& sink) noexcept;

  [[nodiscard]] const OrderCounters& counters(std::size_t slave) const { return lanes_.at(slave).counters; }

 private:
  [[nodiscard]] static std::size_t left_by(const wire::Order& order, std::size_t size);
  static constexpr std::size_t kNone = SIZE_MAX;
  struct Lane {  // one slave
    std::optional<net::Sealer> sealer;
    net::SealKey key{};
    Endpoint to;
    std::size_t open = kNone;  // the datagram that still has room
    OrderCounters counters;
  };
  struct Draft {
    wire::OrderWriter orders{MutableBytes(), RefTime()};
    std::uint16_t slave = 0;
    std::uint64_t races = 0;
  };
  [[nodiscard]] MutableBytes storage(std::size_t datagram) { return {&bytes_[datagram * size_], size_}; }
  std::size_t open_draft(std::uint16_t slave) noexcept;

  std::size_t size_;
  std::uint8_t channel_;
  std::vector<Lane> lanes_;
  std::vector<std::uint8_t> bytes_;
  std::vector<Draft> drafts_;
  std::vector<OrderDatagram> sealed_;
  std::size_t used_ = 0;
};

}  // namespace flagfall::master
