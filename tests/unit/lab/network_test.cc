// What a packet meets between two hosts: delay, jitter, loss, rate, reordering,
// all from a seed, and by the host that it entered from.
#include "lab/network.hh"

#include <boost/test/unit_test.hpp>

#include <vector>

#include "lab/packet.hh"

using namespace std::chrono_literals;
using flagfall::Bytes;
using flagfall::MonoTime;
using flagfall::Nanos;
using flagfall::parse_ip;
using flagfall::lab::Drop;
using flagfall::lab::Link;
using flagfall::lab::Network;
using flagfall::lab::Topology;

namespace {

using Packet = std::vector<std::uint8_t>;

/// An IP packet of `size` octets with these addresses; the rest is zero.
Packet packet(const char* source, const char* destination, std::size_t size = 100) {
  const auto from = *parse_ip(source), to = *parse_ip(destination);
  Packet out(size);
  const bool v4 = to.family == flagfall::Family::v4;
  out[0] = v4 ? 0x45 : 0x60;
  std::copy(from.bytes().begin(), from.bytes().end(), out.begin() + (v4 ? 12 : 8));
  std::copy(to.bytes().begin(), to.bytes().end(), out.begin() + (v4 ? 16 : 24));
  return out;
}

constexpr std::size_t kMaster = 0, kSlave = 1, kClient = 2;

/// master 192.0.2.1, slave 192.0.2.2, client 192.0.2.3; slave -> client 5 ms, the rest 20 ms.
Topology three_hosts() {
  Topology t;
  t.lab = "t";
  t.hosts = {{"master", {*parse_ip("192.0.2.1"), *parse_ip("2001:db8::1")}, {}},
             {"slave", {*parse_ip("192.0.2.2"), *parse_ip("2001:db8::2")}, {}},
             {"client", {*parse_ip("192.0.2.3"), *parse_ip("2001:db8::3")}, {}}};
  t.default_link = Link{.delay = 20ms};
  t.links = {{kSlave, kClient, Link{.delay = 5ms}}};
  return t;
}

constexpr MonoTime kStart{1000s};

Network with_link(Link link, std::uint64_t seed = 1) {
  Topology t = three_hosts();
  t.seed = seed;
  t.links = {{kSlave, kClient, link}};
  return Network(t);
}

const Packet& to_client() {
  static const Packet p = packet("192.0.2.1", "192.0.2.3");
  return p;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(network)

BOOST_AUTO_TEST_CASE(delay_goes_by_the_host_that_sent_and_not_by_the_source_address) {
  Network net(three_hosts());
  for (const auto& [source, destination] :
       {std::pair{"192.0.2.1", "192.0.2.3"}, std::pair{"2001:db8::1", "2001:db8::3"}}) {
    const auto by_slave = net.accept(kSlave, packet(source, destination), kStart);
    BOOST_TEST(!by_slave.drop.has_value());
    BOOST_TEST(by_slave.to == kClient);
    BOOST_TEST((by_slave.deadline - kStart == Nanos(5ms)));
    BOOST_TEST((net.accept(kMaster, packet(source, destination), kStart).deadline - kStart == Nanos(20ms)));
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_delivered_is_dropped_with_its_reason) {
  Topology t = three_hosts();
  t.default_link.reset();
  Network net(t);
  const auto fate = [&](const Packet& p) { return net.accept(kSlave, p, kStart).drop; };
  BOOST_TEST((fate(packet("192.0.2.2", "198.51.100.9")) == Drop::unknown));
  BOOST_TEST((fate(packet("192.0.2.2", "192.0.2.1")) == Drop::no_link));
  BOOST_TEST((fate(packet("192.0.2.2", "224.0.0.251")) == Drop::multicast));
  BOOST_TEST((fate(packet("192.0.2.2", "255.255.255.255")) == Drop::multicast));
  BOOST_TEST((fate(packet("2001:db8::2", "ff02::16")) == Drop::multicast));
  BOOST_TEST((fate({}) == Drop::malformed));
  BOOST_TEST((fate(Packet(19, 0x45)) == Drop::malformed));
  BOOST_TEST((fate(Packet(39, 0x60)) == Drop::malformed));
  BOOST_TEST((fate(Packet(100, 0x50)) == Drop::malformed));
  BOOST_TEST(!fate(to_client()).has_value());
}

BOOST_AUTO_TEST_CASE(any_bytes_have_a_fate) {
  Network net(three_hosts());
  flagfall::SeededRandom random(9);
  for (int i = 0; i < 20000; ++i) {
    Packet p(random.next() % 64);
    for (auto& octet : p) octet = static_cast<std::uint8_t>(random.next());
    if (!p.empty() && i % 2 == 0) p[0] = i % 4 == 0 ? 0x45 : 0x60;
    BOOST_TEST(net.accept(kClient, p, kStart).drop.has_value());
  }
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_fates_whatever_else_is_on_the_network) {
  const Link link{.delay = 5ms, .jitter = 3ms, .loss = 0.1, .reorder = 0.1};
  Network one = with_link(link, 42), two = with_link(link, 42), other = with_link(link, 43);
  int differs = 0;
  for (int i = 0; i < 1000; ++i) {
    const MonoTime now = kStart + i * 10ms;
    (void)two.accept(kMaster, to_client(), now);  // traffic of another pair
    const auto a = one.accept(kSlave, to_client(), now), b = two.accept(kSlave, to_client(), now);
    BOOST_TEST((a.drop == b.drop && a.deadline == b.deadline));
    const auto c = other.accept(kSlave, to_client(), now);
    differs += static_cast<int>(c.drop != a.drop || c.deadline != a.deadline);
  }
  BOOST_TEST(differs > 900);
}

BOOST_AUTO_TEST_CASE(loss_takes_its_share_and_is_counted) {
  Network net = with_link({.delay = 1ms, .loss = 0.02});
  int lost = 0;
  for (int i = 0; i < 50000; ++i)
    lost += static_cast<int>(net.accept(kSlave, to_client(), kStart + i * 1us).drop == Drop::loss);
  BOOST_TEST(lost > 50000 * 0.017);
  BOOST_TEST(lost < 50000 * 0.023);
  BOOST_TEST(net.count(kSlave, kClient).packets == 50000U);
  BOOST_TEST(net.count(kSlave, kClient).lost == static_cast<std::uint64_t>(lost));
}

BOOST_AUTO_TEST_CASE(jitter_is_uniform_above_the_delay_and_never_reorders) {
  Network net = with_link({.delay = 5ms, .jitter = 4ms});
  MonoTime last{};
  double sum = 0;
  constexpr int kPackets = 20000;
  for (int i = 0; i < kPackets; ++i) {
    const MonoTime now = kStart + i * 10ms;  // far apart: each draw stands alone
    const Nanos took = net.accept(kSlave, to_client(), now).deadline - now;
    BOOST_TEST((took >= Nanos(5ms) && took < Nanos(9ms)));
    sum += static_cast<double>(took.count()) / 1e6;
  }
  BOOST_TEST(sum / kPackets > 6.95);
  BOOST_TEST(sum / kPackets < 7.05);
  for (int i = 0; i < kPackets; ++i) {  // close together: the order holds
    const MonoTime deadline = net.accept(kSlave, to_client(), kStart + 1000s + i * 10us).deadline;
    BOOST_TEST((deadline >= last));
    last = deadline;
  }
}

BOOST_AUTO_TEST_CASE(reordering_happens_only_when_asked_and_in_its_share) {
  Network net = with_link({.delay = 5ms, .reorder = 0.1, .reorder_by = 2ms});
  int overtaken = 0;
  MonoTime last{};
  for (int i = 0; i < 10000; ++i) {
    const MonoTime deadline = net.accept(kSlave, to_client(), kStart + i * 100us).deadline;
    overtaken += static_cast<int>(deadline < last);
    last = deadline;
  }
  BOOST_TEST(overtaken > 800);
  BOOST_TEST(overtaken < 1100);
  BOOST_TEST(net.count(kSlave, kClient).reordered > 900U);
}

BOOST_AUTO_TEST_CASE(a_rate_spaces_packets_out_and_its_queue_is_bounded) {
  // 1000-octet packets at 8 Mbit/s take 1 ms each; 10,000 octets may wait.
  Network net = with_link({.delay = 5ms, .rate = 8'000'000, .queue = 10'000});
  const Packet big = packet("192.0.2.2", "192.0.2.3", 1000);
  for (int i = 0; i < 11; ++i) {
    const auto fate = net.accept(kSlave, big, kStart);
    BOOST_TEST(!fate.drop.has_value());
    BOOST_TEST((fate.deadline - kStart == 5ms + (i + 1) * 1ms));
  }
  BOOST_TEST((net.accept(kSlave, big, kStart).drop == Drop::queue));
  BOOST_TEST(!net.accept(kSlave, big, kStart + 1ms).drop.has_value());  // one has left meanwhile
}

BOOST_AUTO_TEST_CASE(a_changed_link_holds_for_later_packets_which_do_not_overtake) {
  Network net = with_link({.delay = 50ms});
  const MonoTime first = net.accept(kSlave, to_client(), kStart).deadline;
  net.set_link(kSlave, kClient, {.delay = 2ms});
  BOOST_TEST((net.accept(kSlave, to_client(), kStart + 1ms).deadline == first));
  BOOST_TEST((net.accept(kSlave, to_client(), kStart + 60ms).deadline - kStart == Nanos(62ms)));
}

BOOST_AUTO_TEST_CASE(a_shared_address_leads_to_the_nearest_owner) {
  Topology t = three_hosts();
  const auto shared = *parse_ip("192.0.2.53");
  t.hosts[kMaster].addresses.push_back(shared);
  t.hosts[kSlave].addresses.push_back(shared);
  t.links = {{kClient, kSlave, Link{.delay = 5ms}}};
  Network net(t);
  BOOST_TEST(net.accept(kClient, packet("192.0.2.3", "192.0.2.53"), kStart).to == kSlave);
  net.set_link(kClient, kSlave, {.delay = 30ms});
  BOOST_TEST(net.accept(kClient, packet("192.0.2.3", "192.0.2.53"), kStart).to == kMaster);
}

BOOST_AUTO_TEST_SUITE_END()
