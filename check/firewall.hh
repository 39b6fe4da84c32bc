// Would this host's nftables let a packet through? Reads what `nft -j list
// ruleset` prints and walks one imagined packet through its chains. Three-valued:
// what cannot be known from the rules alone (a rate limit, a mark, an interface)
// makes the verdict `unsure`, never a guess. Pure and total: any text, bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/ip.hh"
#include "common/base/result.hh"

namespace flagfall::check {

struct Packet {
  enum class Way : std::uint8_t { in, out } way = Way::in;
  enum class Protocol : std::uint8_t { udp, tcp, icmp_unreachable } protocol = Protocol::udp;
  Endpoint from;  // one family; the ports mean nothing for ICMP
  Endpoint to;
  /// What conntrack makes of it: "new", "established", "related", "invalid", "untracked".
  std::string state = "new";
};

struct Verdict {
  enum class Kind : std::uint8_t {
    passes,
    dropped,    // dropped or rejected
    rewritten,  // goes through, but to or from another address: redirect, dnat, tproxy, snat, masquerade
    unsure,
  } kind = Kind::passes;
  std::string rule;  // where it was decided: "inet filter input, policy", "ip nat post, handle 12"
};

class Firewall {
 public:
  /// Errors: not what nft prints.
  static Result<Firewall> parse(std::string_view json);

  [[nodiscard]] Verdict judge(const Packet& packet) const;
  /// No chain that a packet of this host would go through.
  [[nodiscard]] bool empty() const;

 private:
  struct State;
  explicit Firewall(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace flagfall::check
