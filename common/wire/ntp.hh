// NTP version 4 packets (RFC 5905 §7.3): fixed header, extension fields stepped
// over, symmetric-key MAC found. Pure and total; the MAC itself is somebody
// else's (common/net/cmac.hh), handed in as a function.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/base/bytes.hh"
#include "common/base/time.hh"

namespace flagfall::wire {

inline constexpr std::size_t kNtpHeader = 48;
/// Key identifier and digest of AES-CMAC (RFC 8573 §2).
inline constexpr std::size_t kNtpMac = 4 + 16;
inline constexpr std::uint8_t kNtpUnsynchronised = 16;  // stratum

enum class NtpLeap : std::uint8_t { none = 0, insert = 1, remove = 2, unsynchronised = 3 };
enum class NtpMode : std::uint8_t { client = 3, server = 4 };

/// The header. Timestamps are the 64 bits as they travel: seconds since 1900
/// modulo 2^32, and a fraction.
struct NtpPacket {
  NtpLeap leap = NtpLeap::none;
  std::uint8_t version = 4;
  std::uint8_t mode = static_cast<std::uint8_t>(NtpMode::client);
  std::uint8_t stratum = 0;
  std::int8_t poll = 0;       // log2 seconds
  std::int8_t precision = 0;  // log2 seconds
  Nanos root_delay{};         // 0 to 65,536 s
  Nanos root_dispersion{};
  std::uint32_t reference_id = 0;
  std::uint64_t reference = 0, origin = 0, receive = 0, transmit = 0;
};

/// A MAC at the packet's end: views into the datagram.
struct NtpSignature {
  std::uint32_t key = 0;
  Bytes covered;  // everything before the key identifier
  Bytes digest;   // 16 or 20 octets, or none in a crypto-NAK
};

struct NtpDatagram {
  NtpPacket packet;
  std::optional<NtpSignature> signature;
};

/// AES-CMAC of the octets under a key.
using NtpDigest = std::array<std::uint8_t, 16>;
using NtpMac = std::function<NtpDigest(Bytes)>;

/// None for anything that is not a header with well-formed extension fields
/// (RFC 7822 §3) and at most one MAC behind it.
std::optional<NtpDatagram> parse_ntp(Bytes datagram) noexcept;

/// Writes the header, 48 octets, into `room`; delay and dispersion are rounded up.
std::size_t encode_ntp(const NtpPacket& packet, MutableBytes room);
/// Writes key identifier and digest behind the `size` octets in `room`; gives the new size.
std::size_t sign_ntp(MutableBytes room, std::size_t size, std::uint32_t key, const NtpMac& mac);
/// Compares in constant time. False without a signature of 16 octets under that key.
bool verify_ntp(const NtpDatagram& datagram, std::uint32_t key, const NtpMac& mac);

/// The four letters of a kiss-o'-death (stratum 0, RFC 5905 §7.4); empty when they do not print.
std::string kiss_code(const NtpPacket& packet);

/// NTP timestamp to reference time, between 1970 and 2106; 0 stands for "unknown" in the protocol and is
/// none.
std::optional<RefTime> from_ntp(std::uint64_t timestamp) noexcept;
/// Never 0.
std::uint64_t to_ntp(RefTime time) noexcept;

}  // namespace flagfall::wire
