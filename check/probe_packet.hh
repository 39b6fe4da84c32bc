// What `flagfall check --probe` sends and `flagfall check --listen` receives: a
// datagram that says who sent it, from which address, and when, signed with a
// key that both have. Pure and total.
//
// Octets: "FFCK", version 1, how the source is used (0 own, 1 service), total
// size (2), run (8), number (2), of how many (2), sent (8), claimed source, name,
// list of the service addresses of this run, zeros, AES-CMAC (16) of all before it.
// An endpoint is a family (4, 6), its address, its port; text is a length (1) and
// printable ASCII.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"
#include "common/base/result.hh"
#include "common/base/time.hh"
#include "common/net/cmac.hh"

namespace flagfall::check {

struct Probe {
  enum class Kind : std::uint8_t { own, service } kind = Kind::own;
  std::uint64_t run = 0;     // random, one a start of the sender
  std::uint16_t number = 0;  // of this kind, source and size
  std::uint16_t count = 0;
  RealTime sent;
  Endpoint source;             // what it was sent from
  std::string name;            // the slave's, 1 to 64 characters
  std::vector<Endpoint> plan;  // the service addresses that this run tries, at most kMostPlan
  bool operator==(const Probe&) const = default;
};

inline constexpr std::size_t kMostPlan = 32;
/// UDP payload of the largest probe: what an answer of the usual limit takes, in a packet of 1,280 octets
/// over IPv6.
inline constexpr std::size_t kLargeProbe = 1232;

/// At least what the fields take; zeros up to `size` octets.
std::vector<std::uint8_t> encode_probe(const Probe& probe, std::size_t size, net::AesCmac& mac);
/// Whatever is not one of ours, whole and signed, is an error.
Result<Probe> decode_probe(Bytes datagram, net::AesCmac& mac);

/// A key of 32 hex digits, as `openssl rand -hex 16` prints it.
Result<std::vector<std::uint8_t>> parse_probe_key(std::string_view text);

}  // namespace flagfall::check
