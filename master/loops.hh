// The threads that answer clients, and sums over what they count. Control thread.
#pragma once

#include <memory>
#include <vector>

#include "master/http_loop.hh"
#include "master/request_loop.hh"

namespace flagfall::master {

struct Loops {
  std::vector<std::unique_ptr<RequestLoop>> dns;
  std::unique_ptr<HttpLoop> http;  // null: nobody is redirected

  [[nodiscard]] std::uint64_t sum(Counter RequestCounters::*which) const {
    std::uint64_t n = 0;
    for (const auto& loop : dns) n += (loop->requests().*which).get();
    return n;
  }
  /// Of DNS and of HTTP.
  [[nodiscard]] std::uint64_t races() const {
    return sum(&RequestCounters::races) + (racing() != nullptr ? racing()->counters().races.get() : 0);
  }
  [[nodiscard]] std::uint64_t fallback(Fallback reason) const {
    std::uint64_t n = racing() != nullptr ? racing()->counters().fallback.get(reason) : 0;
    for (const auto& loop : dns) n += loop->requests().fallback.get(reason);
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
    if (racing() != nullptr) add(racing()->orders(slave));
    return out;
  }
  /// errno of a last order datagram that failed; 0: none has.
  [[nodiscard]] int order_error() const {
    int error = racing() != nullptr ? racing()->order_error() : 0;
    for (const auto& loop : dns)
      if (loop->order_error() != 0) error = loop->order_error();
    return error;
  }
  /// Answers that this server of a service led.
  [[nodiscard]] std::uint64_t led(std::size_t service, director::ServerIndex server) const {
    std::uint64_t n = http ? http->led(service, server) : 0;
    for (const auto& loop : dns) n += loop->led(service, server);
    return n;
  }

 private:
  [[nodiscard]] const HttpRacing* racing() const { return http ? http->racing() : nullptr; }
};

}  // namespace flagfall::master
