#include "common/net/tcp_tap.hh"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <cassert>
#include <cerrno>
#include <system_error>
#include <vector>

#include "common/net/raw_ip.hh"
#include "common/wire/ip_header.hh"

namespace flagfall::net {
namespace {

/// The largest headers, IPv6's and TCP's with all options: all that is copied of a packet,
constexpr std::uint32_t kCopied = 100;
/// behind what the kernel says of it (struct tpacket2_hdr, sockaddr_ll).
constexpr unsigned kFrame = 256;
constexpr unsigned kBlock = 1 << 16;
constexpr std::size_t kRingOctets = std::size_t{TcpTap::kRing} * kFrame;
static_assert(TPACKET2_HDRLEN + 16 + kCopied <= kFrame && kRingOctets % kBlock == 0);

/// A program that ends a packet's way where a test fails: all tests jump to its last statement.
class Filter {
 public:
  void load(unsigned how, std::uint32_t at) { add(BPF_LD | how, at); }
  void add(unsigned code, std::uint32_t k = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), 0, 0, k});
  }
  void must_be(std::uint32_t value) { test(BPF_JEQ, value, true); }
  void must_have(std::uint32_t bits) { test(BPF_JSET, bits, true); }
  void must_not_have(std::uint32_t bits) { test(BPF_JSET, bits, false); }
  /// Accepts the first `octets` of what came through.
  void accept(std::uint32_t octets) { add(BPF_RET | BPF_K, octets); }

  void attach(const Fd& fd) {
    add(BPF_RET | BPF_K, 0);
    const std::size_t end = code_.size() - 1;
    assert(end < 256);  // a jump's reach
    for (const auto& [at, when] : tests_) {
      const auto far = static_cast<std::uint8_t>(end - at - 1);
      (when ? code_[at].jf : code_[at].jt) = far;
    }
    const sock_fprog program{static_cast<unsigned short>(code_.size()),  // NOLINT(google-runtime-int)
                             code_.data()};
    check(setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), "SO_ATTACH_FILTER");
  }

 private:
  void test(unsigned what, std::uint32_t value, bool when) {
    tests_.emplace_back(code_.size(), when);
    code_.push_back({static_cast<std::uint16_t>(BPF_JMP | BPF_K | what), 0, 0, value});
  }
  std::vector<sock_filter> code_;
  std::vector<std::pair<std::size_t, bool>> tests_;
};

/// X: where the TCP header begins; M[0]: the octets from there to the packet's end.
void tcp_header(Filter& f, Family family) {
  if (family == Family::v4) {
    f.load(BPF_B | BPF_ABS, 9);
    f.must_be(wire::kProtocolTcp);
    f.load(BPF_H | BPF_ABS, 6);
    f.must_not_have(0x3fff);  // a fragment
    f.add(BPF_LDX | BPF_B | BPF_MSH, 0);
    f.load(BPF_H | BPF_ABS, 2);
    f.add(BPF_ALU | BPF_SUB | BPF_X);
  } else {
    f.load(BPF_B | BPF_ABS, 6);
    f.must_be(wire::kProtocolTcp);
    f.add(BPF_LDX | BPF_IMM, wire::kIpv6Header);
    f.load(BPF_H | BPF_ABS, 4);
  }
  f.add(BPF_ST, 0);
}

/// Leaves X at the TCP header.
void to(Filter& f, const Endpoint& server) {
  if (server.ip != IpAddress{.family = server.ip.family}) {
    const bool v4 = server.ip.family == Family::v4;
    for (unsigned i = 0; i < server.ip.size(); i += 4) {
      std::uint32_t word = 0;
      for (unsigned j = 0; j < 4; ++j) word = word << 8 | server.ip.octets.at(i + j);
      f.load(BPF_W | BPF_ABS, (v4 ? 16 : 24) + i);
      f.must_be(word);
    }
  }
  f.load(BPF_H | BPF_IND, 2);
  f.must_be(server.port);
}

void without_data(Filter& f) {
  f.load(BPF_B | BPF_IND, 13);
  f.must_not_have(wire::kTcpSyn | wire::kTcpFin);
  f.must_have(wire::kTcpAck | wire::kTcpRst);
  f.load(BPF_B | BPF_IND, 12);
  f.add(BPF_ALU | BPF_RSH | BPF_K, 4);
  f.add(BPF_ALU | BPF_LSH | BPF_K, 2);
  f.add(BPF_MISC | BPF_TAX);
  f.add(BPF_LD | BPF_MEM, 0);
  f.add(BPF_ALU | BPF_SUB | BPF_X);
  f.must_be(0);
}

}  // namespace

TcpTap::TcpTap(const Endpoint& server) : server_(server) {
  // Of a protocol of its own: a packet socket of "all" would see what leaves as well.
  const int protocol = server.ip.family == Family::v4 ? ETH_P_IP : ETH_P_IPV6;
  fd_ = Fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_)
    throw std::system_error(errno, std::generic_category(),
                            "see what clients acknowledge: needs CAP_NET_RAW (see configs/systemd)");
  shut();
  const int version = TPACKET_V2;
  check(setsockopt(fd_.get(), SOL_PACKET, PACKET_VERSION, &version, sizeof version), "PACKET_VERSION");
  const tpacket_req ring{kBlock, static_cast<unsigned>(kRingOctets / kBlock), kFrame, kRing};
  check(setsockopt(fd_.get(), SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring), "PACKET_RX_RING");
  void* const mapped = mmap(nullptr, kRingOctets, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
  if (mapped == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "map a packet socket");
  ring_ = static_cast<std::uint8_t*>(mapped);
  sockaddr_ll all{};
  all.sll_family = AF_PACKET;
  all.sll_protocol = htons(static_cast<std::uint16_t>(protocol));
  if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&all), sizeof all) != 0) {  // NOLINT(*-cast)
    const int error = errno;
    munmap(ring_, kRingOctets);
    throw std::system_error(error, std::generic_category(), "bind a packet socket");
  }
}

TcpTap::~TcpTap() {
  munmap(ring_, kRingOctets);
}

void TcpTap::open() {
  Filter f;
  tcp_header(f, server_.ip.family);
  to(f, server_);
  without_data(f);
  f.accept(kCopied);
  f.attach(fd_);
}

void TcpTap::shut() {
  drop_all_input(fd_);
}

std::span<const TcpTap::Seen> TcpTap::take() {
  std::size_t used = 0;
  for (unsigned looked = 0; looked < kRing && used < kBatch; ++looked) {
    std::uint8_t* const frame = ring_ + std::size_t{next_} * kFrame;
    auto* const header = reinterpret_cast<tpacket2_hdr*>(frame);  // NOLINT(*-cast): the kernel's
    std::atomic_ref<std::uint32_t> status(header->tp_status);
    if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) break;
    if (header->tp_net + header->tp_snaplen <= kFrame)
      if (const auto packet = wire::parse_tcp_packet({frame + header->tp_net, header->tp_snaplen}))
        out_.at(used++) = {*packet, RealTime(std::chrono::seconds(header->tp_sec) + Nanos(header->tp_nsec))};
    status.store(TP_STATUS_KERNEL, std::memory_order_release);
    next_ = (next_ + 1) % kRing;
  }
  return std::span(out_).first(used);
}

std::uint64_t TcpTap::lost() {
  tpacket_stats stats{};
  socklen_t length = sizeof stats;
  if (getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0) lost_ += stats.tp_drops;
  return lost_;
}

}  // namespace flagfall::net
