#include "slave/config.hh"

#include <fmt/core.h>

#include <algorithm>
#include <set>

namespace flagfall::slave {
namespace {

using config::Where;

constexpr std::uint16_t kAdminPort = 4981;

void check_masters(const Config& c, const Where& where) {
  std::set<Endpoint> seen;
  for (std::size_t i = 0; i < c.masters.size(); ++i) {
    if (c.masters[i].address.ip.unspecified())
      where.error(fmt::format("master.{}.address", i),
                  "is a wildcard: write the address that the master listens on");
    if (!seen.insert(c.masters[i].address).second)
      where.error(fmt::format("master.{}.address", i), "is there twice");
  }
}

void check_orders(const OrdersConfig& orders, const Where& where) {
  if (orders.listen.empty()) where.error("listen", "must not be empty");
  for (std::size_t i = 1; i < orders.listen.size(); ++i)
    if (orders.listen[i].port != orders.listen[0].port)
      where.error(fmt::format("listen.{}", i),
                  fmt::format("all addresses must have one port, here {}: masters are told one",
                              orders.listen[0].port));
}

void check_transmit(const TransmitConfig& transmit, const Where& where) {
  std::set<Endpoint> seen;
  for (std::size_t i = 0; i < transmit.sources.size(); ++i) {
    const std::string key = fmt::format("sources.{}", i);
    if (transmit.sources[i].ip.unspecified())
      where.error(key, "is a wildcard: write each service address, as the masters' dns.listen has it");
    if (!seen.insert(transmit.sources[i]).second) where.error(key, "is there twice");
  }
}

void check_dns(const Config& c, const Where& where) {
  std::set<Endpoint> seen;
  for (std::size_t i = 0; i < c.dns.listen.size(); ++i) {
    const std::string key = fmt::format("dns.listen.{}", i);
    const Endpoint& at = c.dns.listen[i];
    if (at.ip.unspecified())
      where.error(key, "is a wildcard: write each address of this host that NS records lead to");
    if (!seen.insert(at).second) where.error(key, "is there twice");
    if (std::ranges::find(c.transmit.sources, at) != c.transmit.sources.end())
      where.error(key,
                  "is a service address, in transmit.sources: masters answer there; write an address that is "
                  "this slave's alone");
  }
}

config::Schema<DnsConfig> dns_schema() {
  config::Schema<DnsConfig> s;
  s.key("listen", &DnsConfig::listen,
        {.help = "This slave's own addresses on which it is a name server, for its beacon zone and for "
                 "delegated services; none: it is not",
         .port = 53,
         .example = R"(["192.0.2.10:53", "[2001:db8:a::10]:53"])"});
  s.key("nsid", &DnsConfig::nsid, {.help = "Name of this server for who asks (RFC 5001); empty: none"});
  s.key("udp_size", &DnsConfig::udp_size,
        {.help = "Largest answer over UDP, in octets", .least = "512", .most = "4096"});
  s.key(
      "rate", &DnsConfig::rate,
      {.help = "Answers a second over UDP to one client network without a valid DNS cookie; of what is more, "
               "half is told to come over TCP and half is dropped",
       .least = "0.01",
       .most = "1000000"});
  s.key("burst", &DnsConfig::burst, {.help = "And at once", .least = "1", .most = "1000000"});
  s.key("prefix_v4", &DnsConfig::prefix_v4,
        {.help = "IPv4 bits of a client network", .least = "8", .most = "32"});
  s.key("prefix_v6", &DnsConfig::prefix_v6,
        {.help = "IPv6 bits of a client network", .least = "16", .most = "128"});
  s.key("tcp_connections", &DnsConfig::tcp_connections,
        {.help = "TCP connections at once, on each address", .least = "1", .most = "100000"});
  s.key("tcp_idle", &DnsConfig::tcp_idle,
        {.help = "A TCP connection without a whole query for this long is closed",
         .least = "100ms",
         .most = "1h"});
  return s;
}

config::Schema<TransmitConfig> transmit_schema(bool required) {
  config::Schema<TransmitConfig> s;
  s.key("sources", &TransmitConfig::sources,
        {.help = "Service addresses, the only ones that this slave may ever answer from",
         .required = required,
         .port = 53});
  s.key("rate", &TransmitConfig::rate,
        {.help = "Answers a second, over all masters; what is more is refused",
         .least = "0",
         .most = "10000000"});
  s.key("burst", &TransmitConfig::burst, {.help = "And at once", .least = "1", .most = "10000000"});
  s.key("queue", &TransmitConfig::queue,
        {.help = "Answers that may wait for their instants; what is more is refused",
         .least = "16",
         .most = "1000000"});
  s.key("guard", &TransmitConfig::guard,
        {.help = "How long before an answer leaves the transmit thread wakes up to spin; \"auto\": as its "
                 "wake-ups are measured"});
  s.choice("scheduler", &TransmitConfig::scheduler,
           {{"other", TransmitConfig::Scheduler::other}, {"fifo", TransmitConfig::Scheduler::fifo}},
           {.help = "Of the transmit thread; \"fifo\" is real-time, ahead of all ordinary work: SCHED_FIFO"});
  s.key("priority", &TransmitConfig::priority,
        {.help = "Among real-time threads, with \"fifo\"", .least = "1", .most = "99"});
  s.key("cpu", &TransmitConfig::cpu,
        {.help = "Pins the transmit thread to this CPU", .least = "0", .most = "1023"});
  s.key("lock_memory", &TransmitConfig::lock_memory, {.help = "Memory in use is never paged out (mlockall)"});
  s.key("cpu_dma_latency", &TransmitConfig::cpu_dma_latency,
        {.help = "Keeps this host's CPUs out of sleep that is slow to wake from, at the cost of power"});
  s.check(check_transmit);
  return s;
}

}  // namespace

config::Schema<Config> schema(bool collects_only) {
  config::Schema<MasterConfig> master;
  master.key("address", &MasterConfig::address,
             {.help = "Where the master listens (its control.listen)", .required = true, .port = 4953});
  master.key("name", &MasterConfig::name,
             {.help = "The name in the master's certificate", .required = true, .example = "\"master-1\""});

  config::Schema<ControlConfig> control;
  control.key("ca", &ControlConfig::ca,
              {.help = "Certificate of the CA that signed the masters' certificates", .required = true});
  control.key("certificate", &ControlConfig::certificate,
              {.help = "This slave's certificate; its name is the slave's name", .required = true});
  control.key("key", &ControlConfig::key,
              {.help = "Its key; others must not be able to read it", .required = true});

  config::Schema<OrdersConfig> orders;
  orders.key("listen", &OrdersConfig::listen,
             {.help = "Where orders arrive (UDP), all with one port", .port = 4954});
  orders.key("receive_buffer", &OrdersConfig::receive_buffer,
             {.help = "Queue of each socket; the kernel caps it at net.core.rmem_max",
              .least = "64KiB",
              .most = "1GiB"});
  orders.check(check_orders);

  config::Schema<Config> s;
  s.section("log", &Config::log, daemon::log_schema());
  s.list("master", &Config::masters, master, {.help = "Whom to take orders from", .required = true});
  s.section("control", &Config::control, control, "Sessions with the masters");
  s.section("orders", &Config::orders, orders);
  s.section("transmit", &Config::transmit, transmit_schema(!collects_only), "Answers to clients");
  s.section("dns", &Config::dns, dns_schema(), "The slave as a name server of its own");
  s.section("front", &Config::front, front_schema(), "In front of this site's content servers");
  s.list("backend", &Config::backends, backend_schema(),
         {.help = "A server of this site, asked for a service's answers: of datagrams, or of content that is "
                  "raced"});
  s.section("clock", &Config::clock, clocksync::clock_schema(clocksync::Role::slave), "Reference time");
  s.section("collect", &Config::collect, collect::collect_schema(),
            "What this slave measures for its masters' directors");
  s.list("check", &Config::checks, collect::check_schema(),
         {.help = "Checks of this site's content servers"});
  s.section("admin", &Config::admin, daemon::admin_schema<AdminConfig>(kAdminPort), "For operators");
  s.check(check_masters);
  s.check(check_dns);
  s.check([](const Config& c, const Where& where) {
    check_backends(c.backends, c.transmit.sources, c.transmit.queue, where);
  });
  s.check([](const Config& c, const Where& where) { collect::check_checks(c.checks, where); });
  return s;
}

}  // namespace flagfall::slave

namespace flagfall::config {

namespace {
constexpr Nanos kMostFixedGuard = std::chrono::milliseconds(100);
constexpr std::int64_t kMostCpu = 1023;  // what a cpu_set_t holds
}  // namespace

bool Codec<slave::CpuSetting>::read(const Value& value, const Context& context, slave::CpuSetting& out) {
  if (const auto* text = std::get_if<std::string>(&value.data); text != nullptr && *text == "any") {
    out.pinned.reset();
    return true;
  }
  std::int64_t cpu = 0;
  if (!std::holds_alternative<std::int64_t>(value.data))
    return context.mismatch(value, "number, or \"any\"", "1");
  if (!read_integer(value, context, 0, kMostCpu, cpu)) return false;
  out.pinned = static_cast<unsigned>(cpu);
  return true;
}

std::string Codec<slave::CpuSetting>::write(const slave::CpuSetting& value) {
  return value.pinned ? std::to_string(*value.pinned) : toml_string("any");
}

bool Codec<slave::GuardSetting>::read(const Value& value, const Context& context, slave::GuardSetting& out) {
  if (const auto* text = std::get_if<std::string>(&value.data); text != nullptr && *text == "auto") {
    out.fixed.reset();
    return true;
  }
  Nanos fixed{};
  if (!read_duration(value, context, fixed)) return false;
  if (fixed > kMostFixedGuard) return context.fail(value, "must be \"auto\" or at most 100ms");
  out.fixed = fixed;
  return true;
}

std::string Codec<slave::GuardSetting>::write(const slave::GuardSetting& value) {
  return toml_string(value.fixed ? to_string(*value.fixed) : "auto");
}

}  // namespace flagfall::config
