#include "common/http/backend_request.hh"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

#include "common/http/fields.hh"

namespace flagfall::http {
namespace {

constexpr std::string_view kGet = "GET ";
constexpr std::string_view kVersion = " HTTP/1.1\r\n";
constexpr std::string_view kEnd = "\r\n\r\n";

/// Written here, or of no use to a server that answers a whole GET at once. What names the client is the
/// master's to say.
constexpr std::array<std::string_view, 9> kOwn = {"Host",      "Content-Length", "Expect",
                                                  "Range",     "If-Range",       "HTTP2-Settings",
                                                  "Forwarded", "X-Real-IP",      "Max-Forwards"};
constexpr std::string_view kForwarded = "X-Forwarded-";

/// Some servers read "_" in a name as "-" (RFC 3875 §4.1.18 has no other sign for both).
bool reads_as(std::string_view name, std::string_view known) {
  return name.size() == known.size() && std::ranges::equal(name, known, [](char a, char b) {
           return same_name({&a, 1}, {&b, 1}) || (a == '_' && b == '-');
         });
}

bool stays_here(std::string_view name) {
  return hop_by_hop(name) || reads_as(name.substr(0, kForwarded.size()), kForwarded) ||
         std::ranges::any_of(kOwn, [&](std::string_view known) { return reads_as(name, known); });
}

bool of_connection(std::string_view authorization) {
  const auto is = [&](std::string_view scheme) {
    return same_name(authorization.substr(0, scheme.size()), scheme);
  };
  return is("Negotiate") || is("NTLM");
}

/// What the client's Connection field lists besides is never this long.
constexpr std::size_t kMostConnection = 128;

/// The value of the only Connection field; empty where there is none; nothing where two would have to be read
/// together, or a line is no field.
std::optional<std::string_view> connection_of(std::string_view lines) {
  std::string_view out;
  while (!lines.empty()) {
    const auto field = take_field(lines);
    if (!field) return std::nullopt;
    if (!same_name(field->name, "Connection")) continue;
    if (!out.empty() || field->value.size() > kMostConnection) return std::nullopt;
    out = field->value;
  }
  return out;
}

void put(std::string_view text, ByteWriter& out) {
  out.bytes(as_bytes(text));
}

void put_field(std::string_view name, std::string_view value, ByteWriter& out) {
  put(name, out);
  put(": ", out);
  put(value, out);
  put("\r\n", out);
}

}  // namespace

bool write_backend_request(const Request& request, std::string_view host, const IpAddress& client,
                           ByteWriter& out) noexcept {
  if (request.method != "GET" || request.minor_0 || request.body || request.expects) return false;
  std::string_view path = request.path;
  while (path.starts_with("//")) path.remove_prefix(1);
  if (!path.starts_with('/') || std::ranges::any_of(path, [](char c) { return c <= 0x20 || c >= 0x7f; }))
    return false;
  const auto connection = connection_of(request.fields);
  if (!connection) return false;
  put(kGet, out);
  put(path, out);
  put(kVersion, out);
  put("Host: ", out);
  put(host, out);
  if (!request.port.empty()) {
    put(":", out);
    put(request.port, out);
  }
  put("\r\n", out);
  std::string_view lines = request.fields;
  while (out.ok() && !lines.empty()) {
    const auto field = take_field(lines);
    if (!field) return false;
    if (same_name(field->name, "Via") &&
        field->value.find(kVia.substr(kVia.find(' ') + 1)) != std::string_view::npos)
      return false;
    // Proves who this connection's client is, and connections are shared (RFC 4559 §6).
    if (same_name(field->name, "Authorization") && of_connection(field->value)) return false;
    if (stays_here(field->name) || lists(*connection, field->name)) continue;
    put_field(field->name, field->value, out);
  }
  put_field("Via", kVia, out);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(client.family == Family::v4 ? AF_INET : AF_INET6, client.octets.data(), text.data(),
            INET6_ADDRSTRLEN);
  put_field("X-Forwarded-For", text.data(), out);
  put("\r\n", out);
  return out.ok();
}

bool is_backend_request(std::string_view text) noexcept {
  return text.starts_with("GET /") && text.find(kEnd) == text.size() - kEnd.size();
}

}  // namespace flagfall::http
