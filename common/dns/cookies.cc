#include "common/dns/cookies.hh"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "common/wire/siphash.hh"

namespace flagfall::dns {
namespace {

constexpr std::uint8_t kVersion = 1;    // RFC 9018 §4.1
constexpr std::int32_t kOldest = 3600;  // seconds, RFC 9018 §4.3
constexpr std::int32_t kRenew = 1800;
constexpr std::int32_t kFuture = 300;
constexpr std::size_t kPrefix = 8;  // version, reserved, timestamp
constexpr std::size_t kSecretDigits = 32;
constexpr std::size_t kMostLine = 4096;

/// RFC 9018 §4.4: client cookie, version, reserved, timestamp, client address.
std::uint64_t hash(const Cookies::Secret& secret, const Cookies::Client& client, Bytes prefix,
                   const IpAddress& address) {
  std::array<std::uint8_t, 8 + kPrefix + 16> input;  // NOLINT(*-member-init): filled as far as used
  ByteWriter w(input);
  w.bytes(client);
  w.bytes(prefix);
  w.bytes(address.bytes());
  return wire::siphash24(secret, w.written());
}

void put_little_endian(std::uint64_t v, MutableBytes out) {
  for (std::uint8_t& octet : out) {
    octet = static_cast<std::uint8_t>(v);
    v >>= 8;
  }
}

/// In a time that does not depend on where the first difference is.
bool same(Bytes a, Bytes b) {
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

bool parse_secret(std::string_view digits, Cookies::Secret& out) {
  if (digits.size() != kSecretDigits) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const char* pair = digits.data() + 2 * i;
    const auto [end, bad] = std::from_chars(pair, pair + 2, out[i], 16);
    if (bad != std::errc() || end != pair + 2) return false;
  }
  return true;
}

std::string_view trimmed(std::string_view line) {
  line = line.substr(0, line.find('#'));
  const auto first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

Cookies::Cookies(std::vector<Secret> secrets) : secrets_(std::move(secrets)) {
  assert(!secrets_.empty());
}

Result<std::vector<Cookies::Secret>> Cookies::load(const std::string& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0)
    return Error{fmt::format("{}: cannot read the cookie secrets: {}", file, std::strerror(errno))};
  if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
    return Error{fmt::format("{}: others may read or change the cookie secrets; chmod 600 it", file)};
  std::ifstream in(file);
  std::vector<Secret> secrets;
  std::string line;
  for (unsigned number = 1; std::getline(in, line); ++number) {
    const std::string_view text = trimmed(line);
    if (text.empty()) continue;
    if (line.size() > kMostLine || !parse_secret(text, secrets.emplace_back()))
      return Error{fmt::format("{}:{}: a cookie secret is 32 hex digits; make one with: openssl rand -hex 16",
                               file, number)};
  }
  if (!in.eof())
    return Error{fmt::format("{}: cannot read the cookie secrets; check its owner and mode", file)};
  if (secrets.empty())
    return Error{fmt::format("{}: holds no cookie secret; make one with: openssl rand -hex 16", file)};
  return secrets;
}

Cookies::Server Cookies::make(const Client& client, const IpAddress& address,
                              std::uint32_t now) const noexcept {
  Server out{};
  ByteWriter w(out);
  w.u8(kVersion);
  w.bytes(std::array<std::uint8_t, 3>{});
  w.u32(now);
  put_little_endian(hash(secrets_.front(), client, w.written(), address), MutableBytes(out).subspan(kPrefix));
  return out;
}

Cookies::Verdict Cookies::check(const Client& client, Bytes server, const IpAddress& address,
                                std::uint32_t now) const noexcept {
  if (server.size() != Server{}.size() || server[0] != kVersion) return Verdict::invalid;
  ByteReader in(server);
  in.skip(4);  // the reserved octets are hashed as they came (RFC 9018 §4.2)
  const auto age = static_cast<std::int32_t>(now - in.u32());  // serial arithmetic, RFC 1982
  if (age > kOldest || age < -kFuture) return Verdict::invalid;
  for (const Secret& secret : secrets_) {
    std::array<std::uint8_t, 8> expected{};
    put_little_endian(hash(secret, client, server.first(kPrefix), address), expected);
    if (!same(expected, server.subspan(kPrefix))) continue;
    // One made with an old secret is replaced while that secret still counts (RFC 9018 §5).
    return &secret == &secrets_.front() && age <= kRenew ? Verdict::valid : Verdict::renew;
  }
  return Verdict::invalid;
}

}  // namespace flagfall::dns
