#include "master/udp_config.hh"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "master/config.hh"
#include "master/order_book.hh"

namespace flagfall::master {
namespace {

using config::Where;

void check_alone(const ServiceConfig& service, const std::string& key, const Where& where) {
  const auto error = [&](const char* what, const char* text) { where.error(key + what, text); };
  if (!service.names.empty())
    error(".names", "a service has DNS names or [service.udp], not both: write two services");
  if (!service.http.hosts.empty())
    error(".http.hosts", "a service with [service.udp] redirects nobody: write another service");
  if (!service.rtsp.hosts.empty())
    error(".rtsp.hosts", "a service with [service.udp] redirects nobody: write another service");
  if (service.mode != ServiceConfig::Mode::race)
    error(".mode", "a service with [service.udp] is answered by its slaves alone: \"race\" is its only mode");
  if (!std::holds_alternative<Nanos>(service.delay))
    error(".delay", "a service with [service.udp] has a fixed one: how long backends take is not measured");
  const auto* const word = std::get_if<BeaconWord>(&service.winner_beacon);
  if (word == nullptr || *word != BeaconWord::off)
    error(".winner_beacon", "a service with [service.udp] has no DNS answers that could lead to a beacon");
}

void check_service(const Config& config, std::size_t index, const Where& where) {
  const ServiceConfig& service = config.services[index];
  const std::string key = fmt::format("service.{}", index);
  const bool udp = !service.udp.listen.empty();
  if (!udp) {
    if (service.names.empty())
      where.error(key + ".names", "is missing: the service's DNS names, or [service.udp] with `listen`");
    for (std::size_t i = 0; i < service.slaves.size(); ++i)
      if (service.slaves[i].answers.empty())
        where.error(fmt::format("{}.slave.{}.answers", key, i),
                    "must not be empty: what this slave answers with, its own content addresses");
    return;
  }
  check_alone(service, key, where);
  if (service.slaves.size() > director::kMostServers)
    where.error(key + ".slave", fmt::format("at most {} with [service.udp]", director::kMostServers));
  if (const std::size_t most = OrderBook::most_request(config.control.order_size);
      service.udp.max_request > most)
    where.error(
        key + ".udp.max_request",
        fmt::format("a request must fit into an order: at most {} octets with control.order_size = {}", most,
                    config.control.order_size));
}

}  // namespace

config::Schema<UdpConfig> udp_schema() {
  using C = UdpConfig;
  config::Schema<C> s;
  s.key("rate", &C::rate,
        {.help = "Requests a second of one client network (guard.prefix_v4, prefix_v6) that are given to one "
                 "slave without a race; what is more is dropped; 0: no limit",
         .least = "0",
         .most = "1000000"});
  s.key("burst", &C::burst, {.help = "And at once", .least = "1", .most = "1000000"});
  s.key("receive_buffer", &C::receive_buffer,
        {.help = "Queue of each socket; the kernel caps it at net.core.rmem_max",
         .least = "64KiB",
         .most = "1GiB"});
  return s;
}

config::Schema<ServiceUdpConfig> service_udp_schema() {
  using C = ServiceUdpConfig;
  config::Schema<C> s;
  s.key("listen", &C::listen,
        {.help = "Addresses of the service's own, in place of `names`: each datagram that comes there is a "
                 "request, which the slaves' backends answer; slaves have them in transmit.sources",
         .example = R"(["192.0.2.1:3478", "[2001:db8::1]:3478"])"});
  s.key("max_request", &C::max_request,
        {.help = "Octets of a request at most; longer ones are dropped", .least = "1", .most = "8800"});
  s.key("max_answer", &C::max_answer,
        {.help = "Octets of one slave's answer at most; longer ones are not sent",
         .least = "1",
         .most = "1232"});
  s.key(
      "amplification", &C::amplification,
      {.help = "Octets of one slave's answer at most, for each octet of its request: the sources of requests "
               "may be forged",
       .least = "0.01",
       .most = "1000"});
  s.check([](const C& c, const Where& where) {
    for (std::size_t i = 0; i < c.listen.size(); ++i) {
      const std::string key = fmt::format("listen.{}", i);
      if (c.listen[i].ip.unspecified())
        where.error(key, "slaves answer from the address that the client asked: write each address");
      if (c.listen[i].port == 0) where.error(key, "has no port");
      if (std::ranges::count(c.listen, c.listen[i]) > 1) where.error(key, "is there twice");
    }
    if (c.listen.size() > kMostListen)
      where.error("listen", fmt::format("at most {} addresses", kMostListen));
  });
  return s;
}

void check_udp(const Config& config, const Where& where) {
  std::map<Endpoint, std::string> held;
  for (const Endpoint& at : config.dns.listen) held.emplace(at, "dns.listen's");
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    const ServiceConfig& service = config.services[s];
    check_service(config, s, where);
    for (std::size_t i = 0; i < service.udp.listen.size(); ++i) {
      const auto [other, fresh] =
          held.emplace(service.udp.listen[i], fmt::format("service '{}'s", service.name));
      if (!fresh)
        where.error(fmt::format("service.{}.udp.listen.{}", s, i),
                    fmt::format("{} is {} already", to_string(service.udp.listen[i]), other->second));
    }
  }
}

}  // namespace flagfall::master
