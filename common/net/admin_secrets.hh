// What guards the admin listener on addresses that others can reach: a TLS
// server's certificate and a bearer token, read from files. Immutable values;
// connections keep what they were made with. Start-up and reload: reads files.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hh"
#include "common/base/time.hh"
#include "common/net/server_tls.hh"

namespace flagfall::net {

/// A secret that a client shows. Kept as its SHA-256 only.
class AdminToken {
 public:
  /// One line of 16 to 512 printable characters without a space, in a file that only its owner can read.
  static Result<AdminToken> load(const std::string& file);
  /// `text` is the token; in a time that does not depend on where they differ.
  static Result<AdminToken> from(std::string_view text);
  [[nodiscard]] bool matches(std::string_view shown) const;
  bool operator==(const AdminToken&) const = default;

 private:
  AdminToken() = default;
  std::array<std::uint8_t, 32> digest_{};
};

/// Files; empty: none.
struct AdminFiles {
  std::string certificate;
  std::string key;
  std::string token;
  std::string report_token{};
};

struct AdminSecrets {
  std::optional<ServerTls> tls;
  std::optional<AdminToken> token;
  std::optional<AdminToken> report_token;  // never the same as `token`
  static Result<AdminSecrets> load(const AdminFiles& files, RealTime now);
};

}  // namespace flagfall::net
