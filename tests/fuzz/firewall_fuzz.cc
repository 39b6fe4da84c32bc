// Rule sets, /proc/net tables and resolv.conf: any text gives a verdict, in bounded time.
#include <string_view>

#include "check/delegation.hh"
#include "check/firewall.hh"
#include "check/proc_net.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flagfall;  // NOLINT(google-build-using-namespace)
  const std::string_view text = as_text({data, size});
  (void)check::first_resolver(text);
  for (const Family family : {Family::v4, Family::v6})
    (void)check::parse_proc_net(text, family, size % 2 == 0);
  const auto rules = check::Firewall::parse(text);
  if (!rules) return 0;
  using check::Packet;
  const Endpoint a = *parse_endpoint("192.0.2.1:53");
  const Endpoint b = *parse_endpoint("203.0.113.9:4000");
  for (const auto way : {Packet::Way::in, Packet::Way::out})
    for (const auto protocol :
         {Packet::Protocol::udp, Packet::Protocol::tcp, Packet::Protocol::icmp_unreachable})
      (void)rules->judge({way, protocol, a, b, "new"});
  return 0;
}
