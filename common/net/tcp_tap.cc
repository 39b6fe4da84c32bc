#include "common/net/tcp_tap.hh"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>

#include "common/net/raw_ip.hh"
#include "common/wire/ip_header.hh"

namespace flagfall::net {
namespace {

constexpr int kReceiveBuffer = 1 << 20;
constexpr std::uint32_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kAck = 0x10;  // RFC 9293 §3.1

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
  f.must_not_have(kSyn | kFin);
  f.must_have(kAck | kRst);
  f.load(BPF_B | BPF_IND, 12);
  f.add(BPF_ALU | BPF_RSH | BPF_K, 4);
  f.add(BPF_ALU | BPF_LSH | BPF_K, 2);
  f.add(BPF_MISC | BPF_TAX);
  f.add(BPF_LD | BPF_MEM, 0);
  f.add(BPF_ALU | BPF_SUB | BPF_X);
  f.must_be(0);
}

}  // namespace

TcpTap::TcpTap(const Endpoint& server) : server_(server), rooms_(kBatch) {
  // Of a protocol of its own: a packet socket of "all" would see what leaves as well.
  const int protocol = server.ip.family == Family::v4 ? ETH_P_IP : ETH_P_IPV6;
  fd_ = Fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_)
    throw std::system_error(errno, std::generic_category(),
                            "see what clients acknowledge: needs CAP_NET_RAW (see configs/systemd)");
  shut();
  const int buffer = kReceiveBuffer;
  (void)setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  sockaddr_ll all{};
  all.sll_family = AF_PACKET;
  all.sll_protocol = htons(static_cast<std::uint16_t>(protocol));
  check(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&all), sizeof all),  // NOLINT(*-cast)
        "bind a packet socket");
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

std::span<const wire::TcpView> TcpTap::take() {
  std::array<mmsghdr, kBatch> headers{};
  std::array<iovec, kBatch> vectors{};
  for (unsigned i = 0; i < kBatch; ++i) {
    vectors.at(i) = {rooms_[i].data(), kCopied};
    headers.at(i).msg_hdr.msg_iov = &vectors.at(i);
    headers.at(i).msg_hdr.msg_iovlen = 1;
  }
  const int got = recvmmsg(fd_.get(), headers.data(), kBatch, MSG_DONTWAIT, nullptr);
  std::size_t used = 0;
  for (unsigned i = 0; i < static_cast<unsigned>(std::max(got, 0)); ++i)
    if (const auto view = wire::parse_tcp_packet(Bytes(rooms_[i]).first(headers.at(i).msg_len)))
      out_.at(used++) = *view;
  return std::span(out_).first(used);
}

std::uint64_t TcpTap::lost() {
  tpacket_stats stats{};
  socklen_t length = sizeof stats;
  if (getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0) lost_ += stats.tp_drops;
  return lost_;
}

}  // namespace flagfall::net
