// A DNS query as a view of its bytes (RFC 1035, 6891, 7873). Pure, total,
// allocates nothing: any bytes give a verdict.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/bytes.hh"

namespace flagfall::wire {

inline constexpr std::size_t kMaxName = 255;
inline constexpr std::size_t kDnsHeader = 12;

enum class Rcode : std::uint16_t { noerror = 0, formerr = 1, servfail = 2, nxdomain = 3, notimp = 4, refused = 5, badvers = 16, badcookie = 23 };

/// What parse_query found out.
enum class QueryVerdict : std::uint8_t {
  ok,       // one question, understood
  silence,  // shorter than a header, or a response: answering could loop (RFC 1035 §4.1.1 QR)
  formerr,  // header readable, the rest not
  notimp,   // an opcode other than QUERY
  badvers,  // EDNS version above 0 (RFC 6891 §6.1.3)
};

/// Views into the packet that was parsed; valid as long as it is.
struct DnsQuery {
  Bytes packet;
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  /// Where the question ends: packet[12, question_end) is echoed as it came (0x20 case kept). 12 when unreadable.
  std::size_t question_end = kDnsHeader;
  /// The name in wire form without compression, lower case; the root label included.
  std::array<std::uint8_t, kMaxName> name{};
  std::size_t name_length = 0;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;

  bool edns = false;
  std::uint16_t udp_size = 512;  // 512 without EDNS; never below 512
  bool dnssec_ok = false;
  bool nsid = false;
  bool cookie_malformed = false;              // RFC 7873 §5.2.2: FORMERR
  std::optional<std::array<std::uint8_t, 8>> client_cookie;
  Bytes server_cookie;                        // 8 to 32 octets, or empty
  Bytes client_subnet;                        // the option's data (RFC 7871), or empty

  [[nodiscard]] Bytes name_bytes() const { return {name.data(), name_length}; }
};

/// On anything but `silence`, id, flags and question_end are good for an error answer.
QueryVerdict parse_query(Bytes packet, DnsQuery& out) noexcept;

}  // namespace flagfall::wire
