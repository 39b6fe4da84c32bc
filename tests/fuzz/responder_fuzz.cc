// Any packet to a slave's name server, over UDP and TCP: an answer that is no longer
// than allowed, or silence. The beacon's label is read here. Octets: the transport
// (1), then the packet; a first octet of 2 or 3 puts the rest as a name before the
// beacon zone instead.
#include <cstdlib>

#include "slave/responder_core.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace)

namespace {

struct World {
  SeededRandom random{1};
  slave::ResponderCore core{{}, random};
  std::vector<std::uint8_t> room = std::vector<std::uint8_t>(65535);

  World() {
    wire::Services services;
    services.nameserver = "ns.example.test";
    services.beacon_zone = "b.test";
    wire::Service service;
    service.name = "web";
    service.ttl = 30;
    service.answers = {*parse_ip("192.0.2.1"), *parse_ip("2001:db8::1")};
    service.zone = "cdn.test";
    service.nameservers = {"ns.example.test"};
    service.names = {"*.cdn.test"};
    services.services.push_back(service);
    core.use(slave::make_own_names(std::vector{services}, random).names);
    for (std::uint64_t race = 0; race < 64; ++race)
      core.issued({race, MonoTime(Nanos(1)), slave::service_tag("web"), 1, 0, {}});
  }
};

std::vector<std::uint8_t> question(Bytes label) {
  std::vector<std::uint8_t> out = {0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  label = label.first(std::min<std::size_t>(label.size(), wire::kMaxLabel));
  if (!label.empty()) {
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
  }
  constexpr std::string_view kRest("\1b\4test\0\0\1\0\1", 12);
  out.insert(out.end(), kRest.begin(), kRest.end());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  if (size == 0) return 0;
  const Bytes rest(data + 1, size - 1);
  const bool tcp = (data[0] & 1U) != 0;
  const std::vector<std::uint8_t> made =
      data[0] >= 2 ? question(rest) : std::vector(rest.begin(), rest.end());
  const auto transport = tcp ? dns::Transport::tcp : dns::Transport::udp;
  const std::size_t length =
      world.core.answer(made, {{}, 53}, transport, {MonoTime(Nanos(2)), 1'800'000'000}, world.room);
  if (!tcp && length > 1232) std::abort();
  if (data[0] >= 2 && tcp && length == 0) std::abort();  // a good question, and nothing limits it
  return 0;
}
