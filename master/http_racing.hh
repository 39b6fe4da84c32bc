// The shell around HttpRaces: sockets for orders and packets, and the taps that show clients'
// acknowledgements. The HTTP loop's thread alone, which keeps CAP_NET_ADMIN for the hand-overs.
#pragma once

#include <memory>
#include <vector>

#include "common/net/fd.hh"
#include "common/net/loop.hh"
#include "common/net/tcp_tap.hh"
#include "master/http_races.hh"
#include "master/order_sockets.hh"

namespace flagfall::master {

class HttpRacing final : private HttpRaceOutput {
 public:
  struct Options {
    HttpRaceOptions core;
    std::vector<Endpoint> listen;  // where clients ask
    unsigned first_address = 0;    // the first one's index among the service addresses
    std::vector<IpAddress> order_sources;
    int order_dscp = 0;
    /// Of the services that are redirected, at the start.
    Nanos longest_delay = std::chrono::milliseconds(100);
  };
  /// Opens the sockets. `clock` and `log` outlive it. Throws std::system_error that says what is missing.
  HttpRacing(const Options& options, const Clock& clock, Random& random, RaceLog* log);

  /// Connections that this listener accepts from now on tell when octets came, and the kernel sends its own
  /// copies in them no later than need be. The listener outlives the object's use.
  void prepare(const net::Fd& listener);
  /// Once, before the first race; `loop` is its own.
  void start(net::Loop& loop) { loop_ = &loop; }
  void take_over(std::shared_ptr<const Snapshot> snapshot);

  /// See HttpRaces::race(). `unsent`: what the connection still has to send of an answer that was handed over
  /// in part only.
  bool race(const HttpRaceOffer& offer, const net::Fd& connection, const Endpoint& client,
            std::size_t listener, MonoTime received, std::string& unsent) noexcept;
  /// After each round of requests. How many of them are raced.
  unsigned flush() noexcept;
  /// Several times a second.
  void tick(MonoTime now) noexcept;

  [[nodiscard]] const HttpRaceCounters& counters() const { return core_.counters(); }
  [[nodiscard]] const OrderCounters& orders(std::size_t slave) const { return core_.orders(slave); }
  [[nodiscard]] int order_error() const { return orders_.last_error(); }
  /// Packets of clients that did not fit a tap's queue; any thread.
  [[nodiscard]] const Counter& packets_lost() const { return lost_; }

 private:
  struct Tap {
    explicit Tap(const Endpoint& server) : tap(server) {}
    void shut() noexcept;
    net::TcpTap tap;
    bool open = false;
    MonoTime last_race;
  };
  // HttpRaceOutput
  void send_orders(std::span<OrderDatagram> datagrams) override { orders_.send_orders(datagrams); }
  net::TcpFit look_at(std::size_t octets) noexcept override;
  net::TcpHandoff hand_over(std::string_view answer) noexcept override;
  void send_packet(const wire::TcpSegment& segment) noexcept override;
  [[nodiscard]] MonoTime now() const noexcept override { return clock_.mono(); }

  static constexpr std::size_t kMostPacket = wire::kMostTcpHeaders + 1;
  void send_packets() noexcept;
  void open(Tap& tap) noexcept;
  void set_own_copy(Nanos longest_delay) noexcept;
  void drain() noexcept;

  Options options_;
  const Clock& clock_;  // NOLINT(*-ref-data-members)
  HttpRaces core_;
  OrderSockets orders_;
  std::array<net::UdpSender, 2> waiting_{net::UdpSender(kMostPacket), net::UdpSender(kMostPacket)};
  std::array<net::Fd, 2> packets_;          // of IPv4 and IPv6
  std::vector<std::unique_ptr<Tap>> taps_;  // by listener
  std::vector<const net::Fd*> listeners_;
  Nanos own_copy_{};  // so long, and a round trip, after a hand-over the kernel sends its own
  net::TcpFit fit_;
  Tap* tap_ = nullptr;                   // of the request at hand,
  const net::Fd* connection_ = nullptr;  // of the request at hand
  std::string* unsent_ = nullptr;        // and its
  net::Loop* loop_ = nullptr;
  net::Watch drainer_;  // while a tap is open
  Counter lost_;
};

}  // namespace flagfall::master
