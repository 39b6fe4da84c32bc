// Host and port, of a Host field or an absolute target (RFC 3986 §3.2, RFC 9110 §7.2). Pure.
#pragma once

#include <optional>
#include <string_view>

namespace flagfall::http {

struct Authority {
  std::string_view host;
  std::string_view port;
};

/// Empty text gives an empty host. None: user information, an octet that no server's name has, a port that is
/// not a number up to 65535, or an IP literal that is none.
std::optional<Authority> parse_authority(std::string_view text);

}  // namespace flagfall::http
