#include "common/net/admin_gate.hh"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"

namespace flagfall::net {
namespace {

constexpr int kUnauthorized = 401, kForbidden = 403;
constexpr std::size_t kMostCredentials = 1024;

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// "name", "name:port", "[v6]:port" without its port; none when the port is no number.
std::optional<std::string_view> without_port(std::string_view host) {
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket == std::string_view::npos) return std::nullopt;
  const std::size_t colon = host.find(':', bracket);
  if (colon == std::string_view::npos) return host;
  const std::string_view port = host.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  return host.substr(0, colon);
}

bool names_loopback(std::string_view host) {
  auto name = without_port(host);
  if (!name) return false;
  if (same_word(*name, "localhost")) return true;
  const bool brackets = name->starts_with('[') && name->ends_with(']');
  const auto ip = parse_ip(brackets ? name->substr(1, name->size() - 2) : *name);
  return ip && brackets == (ip->family == Family::v6) && ip->loopback();
}

/// "https://host:port" has that authority.
bool origin_is(std::string_view origin, std::string_view host) {
  const std::size_t at = origin.find("://");
  return at != std::string_view::npos && same_word(origin.substr(at + 3), host);
}

/// The password of "user:password" in base64 (RFC 7617); none when it is not that.
std::optional<std::string> basic_password(std::string_view encoded) {
  if (encoded.empty() || encoded.size() > kMostCredentials || encoded.size() % 4 != 0) return std::nullopt;
  std::array<unsigned char, kMostCredentials> out{};
  const int n = EVP_DecodeBlock(out.data(), as_bytes(encoded).data(), static_cast<int>(encoded.size()));
  if (n < 0) return std::nullopt;
  const auto padding = static_cast<std::size_t>(std::ranges::count(encoded.substr(encoded.size() - 2), '='));
  const std::string_view text = as_text({out.data(), static_cast<std::size_t>(n) - padding});
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return std::string(text.substr(colon + 1));
}

enum class Shown : std::uint8_t { nothing, wrong, basic, bearer, reports };

Shown shown(std::optional<std::string_view> header, const AdminTokens& tokens) {
  if (!header) return Shown::nothing;
  const std::size_t space = std::min(header->find(' '), header->size());
  const std::string_view scheme = header->substr(0, space);
  std::string_view credentials = header->substr(space);
  while (credentials.starts_with(' ')) credentials.remove_prefix(1);
  if (credentials.size() > kMostCredentials) return Shown::wrong;
  if (same_word(scheme, "bearer")) {
    if (tokens.all != nullptr && tokens.all->matches(credentials)) return Shown::bearer;
    return tokens.reports != nullptr && tokens.reports->matches(credentials) ? Shown::reports : Shown::wrong;
  }
  if (!same_word(scheme, "basic") || tokens.all == nullptr) return Shown::wrong;
  const auto password = basic_password(credentials);
  return password && tokens.all->matches(*password) ? Shown::basic : Shown::wrong;
}

AdminVerdict refuse(int status, std::string why) {
  return {status, std::move(why), false, false, status == kUnauthorized};
}

/// What a page of somebody else's makes a browser send.
bool from_another_site(const AdminKnock& knock) {
  if (knock.origin && !(knock.host && origin_is(*knock.origin, *knock.host))) return true;
  const bool theirs =
      knock.fetch_site && (*knock.fetch_site == "cross-site" || *knock.fetch_site == "same-site");
  return theirs && !(knock.reads && knock.fetch_mode && *knock.fetch_mode == "navigate");
}

}  // namespace

AdminVerdict admin_gate(AdminDoor door, const AdminKnock& knock, const AdminTokens& tokens) {
  if (door == AdminDoor::socket) return {};
  if (door == AdminDoor::loopback && !(knock.host && names_loopback(*knock.host)))
    return refuse(kForbidden, "Host must be localhost or a loopback address; a proxy must set it so");
  if (from_another_site(knock)) return refuse(kForbidden, "asked by a page of another site");
  const Shown credentials = shown(knock.authorization, tokens);
  const bool some = tokens.all != nullptr || (tokens.report && tokens.reports != nullptr);
  if (credentials == Shown::wrong && some) return refuse(kUnauthorized, "this is not the token");
  if (credentials == Shown::reports)
    return tokens.report && !knock.reads ? AdminVerdict{0, {}, false, true, false}
                                         : refuse(kForbidden, "this token is for clients' reports alone");
  const bool bearer = credentials == Shown::bearer;
  if (!knock.reads && !bearer)
    return refuse(kForbidden,
                  !some ? "what changes something goes over the Unix socket (no token is configured)"
                        : "what changes something needs `Authorization: Bearer TOKEN`, or the Unix "
                          "socket");
  if (door == AdminDoor::tls && !bearer && credentials != Shown::basic)
    return refuse(kUnauthorized, "show the token: `Authorization: Bearer TOKEN`, or as a password");
  return {0, {}, bearer, false, false};
}

}  // namespace flagfall::net
