// Addresses as values: an IP address, an address with a port, a prefix. No
// sockets here; common/net turns an Endpoint into a sockaddr and back.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/bytes.hh"
#include "common/base/result.hh"

namespace flagfall {

enum class Family : std::uint8_t { v4 = 4, v6 = 6 };

/// IPv4 or IPv6. An IPv4 address fills the first four octets, the rest are zero.
struct IpAddress {
  std::array<std::uint8_t, 16> octets{};
  Family family = Family::v4;

  [[nodiscard]] std::size_t size() const { return family == Family::v4 ? 4 : 16; }
  [[nodiscard]] Bytes bytes() const { return {octets.data(), size()}; }
  /// 0.0.0.0 or ::
  [[nodiscard]] bool unspecified() const;
  /// 127.0.0.0/8 or ::1
  [[nodiscard]] bool loopback() const;
  /// May be the address of one host: not unspecified, multicast, IPv4's 240.0.0.0/4 (RFC 1112 §4),
  /// 0.0.0.0/8, or an IPv4 address mapped into IPv6.
  [[nodiscard]] bool unicast() const;
  auto operator<=>(const IpAddress&) const = default;  // NOLINT(*-use-nullptr): there is none
};

/// An address and a port; `[2001:db8::1]:53` or `192.0.2.1:53` in text.
struct Endpoint {
  IpAddress ip;
  std::uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;  // NOLINT(*-use-nullptr): there is none
};

struct Prefix {
  IpAddress ip;  // host bits are zero
  std::uint8_t length = 0;
  [[nodiscard]] bool contains(const IpAddress& address) const;
  auto operator<=>(const Prefix&) const = default;  // NOLINT(*-use-nullptr): there is none
};

/// `octets` has 4 or 16 entries.
IpAddress ip_from_bytes(Bytes octets);
/// The first `length` bits kept, the others zero; length is capped at the family's.
IpAddress masked(const IpAddress& ip, unsigned length);

Result<IpAddress> parse_ip(std::string_view text);
/// With `default_port` other than 0 the port may be left out, and an IPv6 address then needs no brackets.
Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port = 0);
Result<Prefix> parse_prefix(std::string_view text);

std::string to_string(const IpAddress& ip);
std::string to_string(const Endpoint& endpoint);
std::string to_string(const Prefix& prefix);

}  // namespace flagfall
