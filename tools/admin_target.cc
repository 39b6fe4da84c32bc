#include "tools/admin_target.hh"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <string_view>
#include <system_error>

#include "common/base/ip.hh"

namespace flagfall::tools {
namespace {

constexpr std::size_t kMostToken = 512;
constexpr std::size_t kMostHost = 253;  // RFC 1035 in text

bool good_host(std::string_view host) {
  return !host.empty() && host.size() <= kMostHost && std::ranges::all_of(host, [](unsigned char c) {
    return c > 0x20 && c < 0x7f &&
           std::string_view("/?#@[]\\\"").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

}  // namespace

Result<AdminTarget> parse_admin_target(const std::string& text) {
  AdminTarget out;
  const auto wrong = [&](const char* why) {
    return Error{fmt::format("'{}': {}; write https://HOST:PORT, http://127.0.0.1:PORT or a socket's path",
                             text, why)};
  };
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    out.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    if (rest.find("://") != std::string_view::npos) return wrong("neither http nor https");
    if (rest.empty()) return wrong("it is empty");
    out.socket = text;
    return out;
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  std::string_view port;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return wrong("a bracket is open");
    out.host = rest.substr(1, end - 1);
    if (const auto ip = parse_ip(out.host); !ip || ip->family != Family::v6)
      return wrong("no IPv6 address in the brackets");
    port = rest.substr(end + 1);
  } else {
    const std::size_t colon = rest.find(':');
    out.host = rest.substr(0, colon);
    if (!good_host(out.host)) return wrong("no host");
    port = colon == std::string_view::npos ? std::string_view() : rest.substr(colon);
  }
  out.port = kMasterAdminPort;
  if (port.empty()) return out;
  const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), out.port);
  if (port.front() != ':' || error != std::errc() || end != port.data() + port.size() || out.port == 0)
    return wrong("no port");
  return out;
}

std::string to_string(const AdminTarget& target) {
  if (!target.socket.empty()) return target.socket;
  const bool v6 = target.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", target.tls ? "https" : "http", v6 ? "[" : "", target.host,
                     v6 ? "]" : "", target.port);
}

bool is_loopback(const AdminTarget& target) {
  if (!target.socket.empty() || target.host == "localhost") return true;
  const auto ip = parse_ip(target.host);
  if (!ip) return false;
  return ip->family == Family::v4 ? ip->octets[0] == 127 : to_string(*ip) == "::1";
}

Result<std::string> read_token(const std::string& file) {
  struct stat info {};
  if (stat(file.c_str(), &info) != 0)
    return Error{fmt::format("{}: {}", file, std::generic_category().message(errno))};
  if ((info.st_mode & 077) != 0)
    return Error{fmt::format("{}: others than its owner may read it; run `chmod 600 {}`", file, file)};
  std::ifstream in(file, std::ios::binary);
  std::string line(kMostToken + 1, '\0');
  in.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<std::size_t>(in.gcount()));
  line = line.substr(0, line.find('\n'));
  const bool printable = std::ranges::all_of(line, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (line.empty() || line.size() > kMostToken || !printable)
    return Error{fmt::format("{}: no token: one line of at most {} printable characters", file, kMostToken)};
  return line;
}

}  // namespace flagfall::tools
