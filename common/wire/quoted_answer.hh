// What an ICMP error quotes of a DNS answer with addresses (RFC 792, RFC 4443
// §2.4): its start, cut anywhere. Pure, total, allocates nothing. Whether the
// answer was ever sent is not its business.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"
#include "common/wire/dns.hh"

namespace flagfall::wire {

struct QuotedAnswer {
  /// Address records that are looked at; a quote of 520 octets may hold more.
  static constexpr std::size_t kMost = 4;

  std::uint16_t id = 0;
  std::uint16_t type = 0;                     // A or AAAA
  std::array<std::uint8_t, kMaxName> name{};  // the question's, wire form, lower case
  std::size_t name_length = 0;
  std::uint32_t ttl = 0;  // of the first record
  std::array<IpAddress, kMost> addresses{};
  std::size_t count = 0;  // at least 1

  [[nodiscard]] Bytes name_bytes() const { return {name.data(), name_length}; }
  [[nodiscard]] std::span<const IpAddress> all() const { return std::span(addresses).first(count); }
};

/// `payload`: the start of a datagram's payload. Nothing when it is not an answer without error to one A or
/// AAAA question, with at least one whole record of that type before the cut.
std::optional<QuotedAnswer> parse_quoted_answer(Bytes payload) noexcept;

}  // namespace flagfall::wire
