#include "common/http/authority.hh"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "common/base/ip.hh"

namespace flagfall::http {
namespace {

/// Names as DNS has them (RFC 952, RFC 1123) and "_", which is in use.
bool in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.';
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto done = std::from_chars(text.data(), text.data() + text.size(), port);
  return text.empty() || (done.ec == std::errc() && done.ptr == text.data() + text.size());
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
  Authority out{text, {}};
  std::size_t end = text.find(':');
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    const auto ip = parse_ip(text.substr(1, close - 1));
    if (!ip || ip->family != Family::v6) return std::nullopt;
    end = close + 1;
    if (end == text.size()) return out;
    if (text[end] != ':') return std::nullopt;
  } else if (!std::ranges::all_of(text.substr(0, end), in_name)) {
    return std::nullopt;
  }
  if (end == std::string_view::npos) return out;
  out = {text.substr(0, end), text.substr(end + 1)};
  if (out.host.empty() || !is_port(out.port)) return std::nullopt;
  return out;
}

}  // namespace flagfall::http
