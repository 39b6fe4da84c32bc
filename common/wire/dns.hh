// A DNS query as a view of its bytes (RFC 1035, 6891, 7871, 7873). Pure, total,
// allocates nothing: any bytes give a verdict. Does not judge what is asked
// for; master/dns_frontend does.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"

namespace flagfall::wire {

inline constexpr std::size_t kMaxName = 255;  // RFC 1035 §2.3.4
inline constexpr std::size_t kMaxLabel = 63;
inline constexpr std::size_t kDnsHeader = 12;
inline constexpr std::size_t kMaxDnsMessage = 65535;
/// What every UDP client takes (RFC 1035 §4.2.1).
inline constexpr std::uint16_t kPlainUdpSize = 512;

enum class Rcode : std::uint16_t {
  noerror = 0,
  formerr = 1,
  servfail = 2,
  nxdomain = 3,
  notimp = 4,
  refused = 5,
  yxdomain = 6,
  badvers = 16,
  badcookie = 23,
};

/// Types and classes that decisions depend on; all others are plain data.
namespace rrtype {
inline constexpr std::uint16_t kA = 1, kNs = 2, kCname = 5, kSoa = 6, kPtr = 12, kHinfo = 13, kMx = 15,
                               kAaaa = 28, kSrv = 33, kDname = 39, kOpt = 41, kDs = 43, kRrsig = 46,
                               kNsec = 47, kDnskey = 48, kSvcb = 64, kHttps = 65, kTkey = 249, kTsig = 250,
                               kIxfr = 251, kAxfr = 252, kMailb = 253, kMaila = 254, kAny = 255;
}  // namespace rrtype
inline constexpr std::uint16_t kClassIn = 1;

/// What parse_query found out.
enum class QueryVerdict : std::uint8_t {
  ok,       // one question, understood; or none with a cookie (RFC 7873 §5.4), and name_length is 0
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
  /// Where the question ends: packet[12, question_end) is echoed as it came (0x20 case kept). 12 when
  /// unreadable.
  std::size_t question_end = kDnsHeader;
  /// The name in wire form without compression, lower case; the root label included.
  std::array<std::uint8_t, kMaxName> name{};
  std::size_t name_length = 0;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;

  bool edns = false;
  std::uint16_t udp_size = kPlainUdpSize;  // 512 without EDNS; never below 512
  bool dnssec_ok = false;
  bool nsid = false;
  bool cookie_malformed = false;  // why it is FORMERR (RFC 7873 §5.2.2)
  std::optional<std::array<std::uint8_t, 8>> client_cookie;
  Bytes server_cookie;  // 8 to 32 octets, or empty
  Bytes client_subnet;  // the option's data, well formed (RFC 7871 §6), or empty

  [[nodiscard]] Bytes name_bytes() const { return {name.data(), name_length}; }
};

/// On anything but `silence`, id, flags and question_end are good for an error answer.
QueryVerdict parse_query(Bytes packet, DnsQuery& out) noexcept;

/// The client subnet that the query tells, as a prefix; none: it tells none, or one of no length, which says
/// that the client shall not be looked at (RFC 7871 §7.1.2).
std::optional<Prefix> client_subnet(const DnsQuery& query) noexcept;

/// ASCII letters to lower case, anything else as it is (RFC 4343 §3).
constexpr std::uint8_t lower(std::uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c | 0x20) : c;
}

}  // namespace flagfall::wire
