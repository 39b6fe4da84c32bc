// The threads that answer clients, and sums over what they count. Control thread.
#pragma once

#include <memory>
#include <vector>

#include "master/http_loop.hh"
#include "master/request_loop.hh"
#include "master/udp_loop.hh"

namespace flagfall::master {

struct Loops {
  std::vector<std::unique_ptr<RequestLoop>> dns;
  std::vector<std::unique_ptr<HttpLoop>> web;  // one a scheme; none: nobody is redirected
  std::unique_ptr<UdpLoop> udp;                // null: no service is of datagrams

  [[nodiscard]] std::uint64_t sum(Counter RequestCounters::*which) const {
    std::uint64_t n = 0;
    for (const auto& loop : dns) n += (loop->requests().*which).get();
    return n;
  }
  /// Of DNS, HTTP, RTSP and datagrams.
  [[nodiscard]] std::uint64_t races() const {
    std::uint64_t n = sum(&RequestCounters::races);
    for_each_racing([&n](const HttpRacing& r) { n += r.counters().races.get(); });
    if (udp) n += udp->races();
    return n;
  }
  [[nodiscard]] std::uint64_t fallback(Fallback reason) const {
    std::uint64_t n = 0;
    for_each_racing([&](const HttpRacing& r) { n += r.counters().fallback.get(reason); });
    for (const auto& loop : dns) n += loop->requests().fallback.get(reason);
    if (udp) n += udp->fallback().get(reason);
    return n;
  }
  struct Orders {
    std::uint64_t orders = 0;
    std::uint64_t datagrams = 0;
    std::uint64_t failed = 0;
  };
  /// To this slave.
  [[nodiscard]] Orders orders(std::size_t slave) const {
    Orders out;
    const auto add = [&out](const OrderCounters& c) {
      out.orders += c.orders.get();
      out.datagrams += c.datagrams.get();
      out.failed += c.failed.get();
    };
    for (const auto& loop : dns) add(loop->orders(slave));
    for_each_racing([&](const HttpRacing& r) { add(r.orders(slave)); });
    if (udp) add(udp->orders(slave));
    return out;
  }
  /// errno of a last order datagram that failed; 0: none has.
  [[nodiscard]] int order_error() const {
    int error = 0;
    for_each_racing(
        [&error](const HttpRacing& r) { error = r.order_error() != 0 ? r.order_error() : error; });
    if (udp && udp->order_error() != 0) error = udp->order_error();
    for (const auto& loop : dns)
      if (loop->order_error() != 0) error = loop->order_error();
    return error;
  }
  /// Answers that this server of a service led.
  [[nodiscard]] std::uint64_t led(std::size_t service, director::ServerIndex server) const {
    std::uint64_t n = 0;
    for (const auto& loop : web) n += loop->led(service, server);
    if (udp) n += udp->led(service, server);
    for (const auto& loop : dns) n += loop->led(service, server);
    return n;
  }

 private:
  template <class F>
  void for_each_racing(F f) const {
    for (const auto& loop : web)
      if (loop->racing() != nullptr) f(*loop->racing());
  }
};

}  // namespace flagfall::master
