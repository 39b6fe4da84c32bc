#include "common/base/ip.hh"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <charconv>

namespace flagfall {
namespace {

Result<unsigned> parse_number(std::string_view text, unsigned most) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most)
    return Error{fmt::format("'{}' is not a number from 0 to {}", text, most)};
  return value;
}

}  // namespace

bool IpAddress::unspecified() const {
  return std::ranges::all_of(octets, [](std::uint8_t o) { return o == 0; });
}

bool IpAddress::loopback() const {
  if (family == Family::v4) return octets[0] == 127;
  return octets.back() == 1 &&
         std::all_of(octets.begin(), octets.end() - 1, [](std::uint8_t o) { return o == 0; });
}

bool IpAddress::unicast() const {
  if (unspecified()) return false;
  if (family == Family::v4) return octets[0] != 0 && octets[0] < 224;
  const bool mapped =
      std::all_of(octets.begin(), octets.begin() + 10, [](std::uint8_t o) { return o == 0; }) &&
      octets[10] == 0xff && octets[11] == 0xff;
  return octets[0] != 0xff && !mapped;
}

bool Prefix::contains(const IpAddress& address) const {
  return address.family == ip.family && masked(address, length) == ip;
}

IpAddress ip_from_bytes(Bytes octets) {
  assert(octets.size() == 4 || octets.size() == 16);
  IpAddress ip;
  ip.family = octets.size() == 4 ? Family::v4 : Family::v6;
  std::ranges::copy(octets, ip.octets.begin());
  return ip;
}

IpAddress masked(const IpAddress& ip, unsigned length) {
  IpAddress out{{}, ip.family};
  for (std::size_t i = 0; i < ip.size() && length > 0; ++i) {
    const unsigned bits = std::min(length, 8U);
    out.octets.at(i) = static_cast<std::uint8_t>(ip.octets.at(i) & (0xff00U >> bits));
    length -= bits;
  }
  return out;
}

Result<IpAddress> parse_ip(std::string_view text) {
  const std::string copy(text);
  IpAddress ip;
  if (inet_pton(AF_INET, copy.c_str(), ip.octets.data()) == 1) return ip;
  ip.family = Family::v6;
  if (inet_pton(AF_INET6, copy.c_str(), ip.octets.data()) == 1) return ip;
  return Error{fmt::format("'{}' is not an IPv4 or IPv6 address", text)};
}

Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port) {
  const auto malformed = [&] {
    return Error{
        fmt::format("'{}' is not an address with a port (write 192.0.2.1:53 or [2001:db8::1]:53)", text)};
  };
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return malformed();
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest[0] != ':') return malformed();
    if (!rest.empty()) port = rest.substr(1);
    if (!rest.empty() && port.empty()) return malformed();
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos && text.rfind(':') == colon) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return malformed();
  }
  const auto ip = parse_ip(host);
  if (!ip) return malformed();
  if (text.starts_with('[') && ip->family != Family::v6) return malformed();
  if (port.empty()) {
    if (default_port == 0) return malformed();
    return Endpoint{*ip, default_port};
  }
  const auto number = parse_number(port, 65535);
  if (!number || *number == 0) return Error{fmt::format("'{}': the port must be 1 to 65535", text)};
  return Endpoint{*ip, static_cast<std::uint16_t>(*number)};
}

Result<Prefix> parse_prefix(std::string_view text) {
  const auto slash = text.find('/');
  const auto ip = parse_ip(text.substr(0, slash));
  if (!ip) return Error{fmt::format("'{}' is not a prefix (write 192.0.2.0/24 or 2001:db8::/32)", text)};
  const auto most = static_cast<unsigned>(ip->size() * 8);
  unsigned length = most;
  if (slash != std::string_view::npos) {
    const auto number = parse_number(text.substr(slash + 1), most);
    if (!number) return Error{fmt::format("'{}': the length must be 0 to {}", text, most)};
    length = *number;
  }
  if (masked(*ip, length) != *ip) return Error{fmt::format("'{}' has bits set beyond its length", text)};
  return Prefix{*ip, static_cast<std::uint8_t>(length)};
}

std::string to_string(const IpAddress& ip) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(ip.family == Family::v4 ? AF_INET : AF_INET6, ip.octets.data(), text.data(), text.size());
  return text.data();
}

std::string to_string(const Endpoint& endpoint) {
  return endpoint.ip.family == Family::v4 ? fmt::format("{}:{}", to_string(endpoint.ip), endpoint.port)
                                          : fmt::format("[{}]:{}", to_string(endpoint.ip), endpoint.port);
}

std::string to_string(const Prefix& prefix) {
  return fmt::format("{}/{}", to_string(prefix.ip), prefix.length);
}

}  // namespace flagfall
