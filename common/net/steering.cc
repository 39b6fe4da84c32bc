#include "common/net/steering.hh"

#include <linux/filter.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <vector>

namespace flagfall::net {
namespace {

/// Offsets of the source address in the network header (RFC 791 §3.1, RFC 8200 §3).
constexpr std::uint32_t kSourceV4 = 12;
constexpr std::uint32_t kSourceV6 = 8;
/// Knuth's multiplier, 2^32 divided by the golden ratio.
constexpr std::uint32_t kGolden = 0x9e3779b1;

class Program {
 public:
  void statement(unsigned code, std::uint32_t k = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), 0, 0, k});
  }
  void attach(const Fd& fd) {
    const sock_fprog program{static_cast<unsigned short>(code_.size()),
                             code_.data()};  // NOLINT(google-runtime-int)
    check(setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program),
          "steer clients to threads (SO_ATTACH_REUSEPORT_CBPF)");
  }

 private:
  std::vector<sock_filter> code_;
};

}  // namespace

void steer_by_source(const Fd& fd, Family family, unsigned prefix, unsigned sockets, std::uint32_t seed) {
  assert(sockets > 0);
  const std::uint32_t base =
      static_cast<std::uint32_t>(SKF_NET_OFF) + (family == Family::v4 ? kSourceV4 : kSourceV6);
  const unsigned words = family == Family::v4 ? 1 : 4;
  Program p;
  // X holds the hash so far: X = (X ^ masked word) * golden, folded, for each word that the prefix touches.
  p.statement(BPF_LDX | BPF_IMM, seed);
  for (unsigned i = 0; i < words && i * 32 < prefix; ++i) {
    const unsigned bits = std::min(prefix - i * 32, 32U);
    p.statement(BPF_LD | BPF_W | BPF_ABS, base + i * 4);
    p.statement(BPF_ALU | BPF_AND | BPF_K, ~std::uint32_t{0} << (32 - bits));
    p.statement(BPF_ALU | BPF_XOR | BPF_X);
    p.statement(BPF_ALU | BPF_MUL | BPF_K, kGolden | 1);
    p.statement(BPF_MISC | BPF_TAX);
    p.statement(BPF_ALU | BPF_RSH | BPF_K, 15);
    p.statement(BPF_ALU | BPF_XOR | BPF_X);
    p.statement(BPF_MISC | BPF_TAX);
  }
  p.statement(BPF_MISC | BPF_TXA);
  p.statement(BPF_ALU | BPF_MUL | BPF_K, kGolden);
  p.statement(BPF_ALU | BPF_RSH | BPF_K, 16);  // the high bits are the mixed ones
  p.statement(BPF_ALU | BPF_MOD | BPF_K, sockets);
  p.statement(BPF_RET | BPF_A);
  p.attach(fd);
}

}  // namespace flagfall::net
