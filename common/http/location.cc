#include "common/http/location.hh"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "common/http/authority.hh"
#include "common/http/host_table.hh"

namespace flagfall::http {
namespace {

constexpr std::array<bool, 256> path_octets() {
  std::array<bool, 256> out{};
  for (unsigned c = 'a'; c <= 'z'; ++c) out.at(c) = true;
  for (unsigned c = 'A'; c <= 'Z'; ++c) out.at(c) = true;
  for (unsigned c = '0'; c <= '9'; ++c) out.at(c) = true;
  for (const char c : std::string_view("-._~!$&'()*+,;=:@/?%[]"))
    out.at(static_cast<unsigned char>(c)) = true;
  return out;
}
constexpr std::array<bool, 256> kInPath = path_octets();

constexpr std::array<std::string_view, 4> kSchemes = {"https", "http", "rtsps", "rtsp"};
constexpr std::string_view kScheme = "{scheme}";
constexpr std::string_view kHost = "{host}";
constexpr std::string_view kPath = "{path}";

void put(ByteWriter& out, std::string_view text) {
  out.bytes(as_bytes(text));
}

void put_path(ByteWriter& out, std::string_view path) {
  put(out, "/");
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  while (!path.empty()) {
    const auto* const odd = std::ranges::find_if_not(path, in_path);
    const auto clean = static_cast<std::size_t>(odd - path.begin());
    put(out, path.substr(0, clean));
    path.remove_prefix(clean);
    if (path.empty()) return;
    constexpr std::string_view kHex = "0123456789ABCDEF";
    const auto octet = static_cast<unsigned char>(path.front());
    out.u8('%');
    out.u8(static_cast<std::uint8_t>(kHex.at(octet >> 4)));
    out.u8(static_cast<std::uint8_t>(kHex.at(octet & 15U)));
    path.remove_prefix(1);
  }
}

/// Takes `front` off `text`, when it begins so.
bool take(std::string_view& text, std::string_view front) {
  if (!text.starts_with(front)) return false;
  text.remove_prefix(front.size());
  return true;
}

}  // namespace

bool in_path(char c) {
  return kInPath.at(static_cast<unsigned char>(c));
}

Result<Location> Location::parse(std::string_view text) {
  const auto error = [&](std::string_view what) { return Error{fmt::format("'{}': {}", text, what)}; };
  if (text.size() > kMostText) return Error{fmt::format("is longer than {} octets", kMostText)};
  Location out;
  std::string_view rest = text;
  const auto* const scheme =
      std::ranges::find_if(kSchemes, [&](std::string_view s) { return take(rest, s); });
  if (scheme != kSchemes.end())
    out.scheme_ = *scheme;
  else if (!take(rest, kScheme))
    return error("begins with http, https, rtsp, rtsps or {scheme}");
  if (!take(rest, "://")) return error("after the scheme follows ://");
  const std::size_t end = std::min(rest.find('/'), rest.find(kPath));
  if (end == std::string_view::npos) return error("has no path: end it with {path}, or with a fixed one");
  const std::string_view authority = rest.substr(0, end);
  rest.remove_prefix(end);
  const std::size_t host = authority.find(kHost);
  out.host_ = host != std::string_view::npos;
  out.before_host_ = authority.substr(0, host);
  if (out.host_) out.after_host_ = authority.substr(host + kHost.size());
  const std::string named = out.before_host_ + (out.host_ ? "x" : "") + out.after_host_;
  const auto parsed = parse_authority(named);
  if (!parsed || parsed->host.empty())
    return error("between :// and the path stands a host, or {host}, and perhaps a port");
  const std::size_t path = rest.find(kPath);
  out.path_ = path != std::string_view::npos;
  out.before_path_ = rest.substr(0, path);
  if (out.path_) out.after_path_ = rest.substr(path + kPath.size());
  if (!std::ranges::all_of(out.before_path_ + out.after_path_, in_path))
    return error("its path has an octet that no URI has, or a key other than {path}");
  // "/mirror/{path}" is meant as "/mirror{path}".
  if (out.path_ && out.before_path_.find('?') == std::string::npos)
    while (out.before_path_.ends_with('/')) out.before_path_.pop_back();
  return out;
}

void Location::write(const Values& values, ByteWriter& out) const {
  put(out, scheme_.empty() ? values.scheme : scheme_);
  put(out, "://");
  put(out, before_host_);
  if (host_) put(out, values.host);
  put(out, after_host_);
  put(out, before_path_);
  if (path_) put_path(out, values.path);
  put(out, after_path_);
}

std::optional<Location::Own> Location::own(std::string_view host) const {
  if (!path_ || !after_path_.empty() || before_path_.find('?') != std::string::npos) return std::nullopt;
  const std::string authority = before_host_ + (host_ ? std::string(host) : std::string()) + after_host_;
  // A wildcard is no host: what is in front of its names is all the same.
  const std::string_view text(authority);
  const bool wildcard = host_ && before_host_.empty() && host.starts_with("*.");
  const auto parsed = parse_authority(wildcard ? text.substr(2) : text);
  if (!parsed || parsed->host.empty()) return std::nullopt;
  return Own{(wildcard ? "*." : "") + canonical_host(std::string(parsed->host)),
             canonical_prefix(before_path_)};
}

bool Location::leads_back(std::string_view scheme) const {
  return (scheme_.empty() || scheme_ == scheme) && host_ && before_host_.empty() && after_host_.empty() &&
         path_ && before_path_.empty() && after_path_.empty();
}

}  // namespace flagfall::http
