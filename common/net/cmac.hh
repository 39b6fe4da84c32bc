// AES-CMAC (RFC 4493; SP 800-38B for 256-bit keys), as NTP's symmetric keys use
// it (RFC 8573). One owner thread; the key is copied.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "common/base/bytes.hh"

namespace flagfall::net {

class AesCmac {
 public:
  using Digest = std::array<std::uint8_t, 16>;
  /// `key`: 16 or 32 octets; anything else is std::invalid_argument. Throws
  /// std::runtime_error when OpenSSL has no CMAC.
  explicit AesCmac(Bytes key);
  ~AesCmac();
  AesCmac(AesCmac&& other) noexcept;
  AesCmac& operator=(AesCmac&& other) noexcept;
  AesCmac(const AesCmac&) = delete;
  AesCmac& operator=(const AesCmac&) = delete;

  [[nodiscard]] Digest operator()(Bytes message);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace flagfall::net
