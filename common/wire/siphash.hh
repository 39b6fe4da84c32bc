// SipHash-2-4 (Aumasson and Bernstein, INDOCRYPT 2012): a keyed 64-bit hash of
// short inputs, for DNS cookies (RFC 9018) and for tables that hostile names
// are looked up in. Pure; no allocation.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "common/base/bytes.hh"

namespace flagfall::wire {

using SipKey = std::array<std::uint8_t, 16>;

namespace detail {

/// Up to eight octets, the first one lowest.
inline std::uint64_t little_endian(Bytes b) {
  std::uint64_t v = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&v, b.data(), b.size());
  } else {
    for (std::size_t i = b.size(); i-- > 0;) v = v << 8 | b[i];
  }
  return v;
}

struct SipState {
  std::uint64_t a, b, c, d;

  void round() {
    a += b;
    c += d;
    b = std::rotl(b, 13) ^ a;
    d = std::rotl(d, 16) ^ c;
    a = std::rotl(a, 32);
    c += b;
    a += d;
    b = std::rotl(b, 17) ^ c;
    d = std::rotl(d, 21) ^ a;
    c = std::rotl(c, 32);
  }
  void word(std::uint64_t w) {
    d ^= w;
    round();
    round();
    a ^= w;
  }
};

}  // namespace detail

/// The hash as a number; its octets in the reference's order are little-endian.
inline std::uint64_t siphash24(const SipKey& key, Bytes data) {
  const Bytes k(key);
  const std::uint64_t k0 = detail::little_endian(k.first(8));
  const std::uint64_t k1 = detail::little_endian(k.last(8));
  detail::SipState s{k0 ^ 0x736f6d6570736575U, k1 ^ 0x646f72616e646f6dU, k0 ^ 0x6c7967656e657261U,
                     k1 ^ 0x7465646279746573U};
  Bytes rest = data;
  for (; rest.size() >= 8; rest = rest.subspan(8)) s.word(detail::little_endian(rest.first(8)));
  const std::uint64_t tail = rest.empty() ? 0 : detail::little_endian(rest);
  s.word(tail | static_cast<std::uint64_t>(data.size()) << 56);
  s.c ^= 0xff;
  for (int i = 0; i < 4; ++i) s.round();
  return s.a ^ s.b ^ s.c ^ s.d;
}

}  // namespace flagfall::wire
