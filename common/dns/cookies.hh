// DNS cookies in the interoperable format (RFC 7873, RFC 9018): SipHash-2-4 over
// client cookie, version, reserved, timestamp and address. Several secrets: the
// first makes cookies, all are accepted, so masters can roll over together.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"
#include "common/base/result.hh"

namespace flagfall::dns {

class Cookies {
 public:
  using Secret = std::array<std::uint8_t, 16>;
  using Client = std::array<std::uint8_t, 8>;
  using Server = std::array<std::uint8_t, 16>;

  explicit Cookies(std::vector<Secret> secrets);

  /// A file with one secret of 32 hex digits a line, the active one first; `#` comments.
  /// Refused when others may read it.
  static Result<std::vector<Secret>> load(const std::string& file);

  [[nodiscard]] Server make(const Client& client, const IpAddress& address, std::uint32_t now) const noexcept;

  enum class Verdict : std::uint8_t {
    valid,
    renew,
    invalid
  };  // renew: valid, older than half an hour (RFC 9018 §4.3)
  [[nodiscard]] Verdict check(const Client& client, Bytes server, const IpAddress& address,
                              std::uint32_t now) const noexcept;

 private:
  std::vector<Secret> secrets_;
};

}  // namespace flagfall::dns
