#include "check/proc_net.hh"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>

namespace flagfall::check {
namespace {

template <class T>
std::optional<T> number(std::string_view text, int base) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view next_word(std::string_view& line) {
  const std::size_t from = std::min(line.find_first_not_of(' '), line.size());
  line.remove_prefix(from);
  const std::string_view word = line.substr(0, std::min(line.find(' '), line.size()));
  line.remove_prefix(word.size());
  return word;
}

/// "0100007F:0035": words of 32 bits as the host has them in memory, then the port.
std::optional<Endpoint> endpoint(std::string_view text, Family family) {
  const std::size_t digits = family == Family::v4 ? 8 : 32;
  if (text.size() != digits + 5 || text[digits] != ':') return std::nullopt;
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = 0; i < digits / 8; ++i) {
    const auto word = number<std::uint32_t>(text.substr(i * 8, 8), 16);
    if (!word) return std::nullopt;
    std::memcpy(octets.data() + i * 4, &*word, 4);
  }
  const auto port = number<std::uint16_t>(text.substr(digits + 1), 16);
  if (!port) return std::nullopt;
  return Endpoint{ip_from_bytes(Bytes(octets).first(digits / 2)), *port};
}

// sl local rem st tx:rx tr:when retrnsmt uid timeout inode ...
std::optional<BoundSocket> parse_line(std::string_view line, Family family, bool tcp) {
  constexpr std::string_view kListens = "0A";
  (void)next_word(line);
  const auto local = endpoint(next_word(line), family);
  const auto remote = endpoint(next_word(line), family);
  if (!local || !remote) return std::nullopt;
  const std::string_view state = next_word(line);
  if (tcp ? state != kListens : remote->port != 0) return std::nullopt;
  for (int i = 0; i < 3; ++i) (void)next_word(line);
  const auto uid = number<std::uint32_t>(next_word(line), 10);
  (void)next_word(line);
  const auto inode = number<std::uint64_t>(next_word(line), 10);
  if (!uid || !inode) return std::nullopt;
  return BoundSocket{*local, static_cast<uid_t>(*uid), *inode};
}

}  // namespace

std::vector<BoundSocket> parse_proc_net(std::string_view text, Family family, bool tcp) {
  std::vector<BoundSocket> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (const auto socket = parse_line(text.substr(0, end), family, tcp)) out.push_back(*socket);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::vector<BoundSocket> in_the_way(const std::vector<BoundSocket>& sockets, const Endpoint& at) {
  std::vector<BoundSocket> out;
  for (const BoundSocket& s : sockets) {
    const bool wildcard = s.at.ip.unspecified() || at.ip.unspecified();
    const bool family = s.at.ip.family == at.ip.family || (wildcard && (s.at.ip.family == Family::v6));
    if (s.at.port == at.port && family && (wildcard || s.at.ip == at.ip)) out.push_back(s);
  }
  return out;
}

}  // namespace flagfall::check
