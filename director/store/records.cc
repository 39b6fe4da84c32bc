#include "director/store/records.hh"

#include <algorithm>
#include <cmath>

namespace flagfall::director {
namespace {

constexpr std::size_t kMostName = 255;
/// Year 2262 is where nanoseconds end; sums with a time below cannot overflow.
constexpr std::int64_t kMostTime = std::int64_t{1} << 62;

bool sound_name(std::string_view name) {
  return !name.empty() && name.size() <= kMostName && std::ranges::none_of(name, [](char c) {
    return c == ',' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

bool sound_time(RealTime t) {
  return to_ns(t) >= 0 && to_ns(t) <= kMostTime;
}

bool sound_servers(const std::vector<std::string>& servers) {
  if (servers.empty() || servers.size() > Order::kMost) return false;
  for (auto at = servers.begin(); at != servers.end(); ++at)
    if (!sound_name(*at) || std::find(servers.begin(), at, *at) != at) return false;
  return true;
}

template <class E, std::size_t N>
bool parse_name(const std::array<std::string_view, N>& names, std::string_view text, E& out) {
  const auto at = std::ranges::find(names, text);
  if (at == names.end()) return false;
  out = static_cast<E>(at - names.begin());
  return true;
}

}  // namespace

bool sound(const StoredChange& change) {
  const StoredBinding& b = change.binding;
  if (!sound_name(b.service) || !sound_time(b.renewed) || b.prefix.length > 8 * b.prefix.ip.size() ||
      masked(b.prefix.ip, b.prefix.length) != b.prefix.ip)
    return false;
  return change.gone || (sound_servers(b.servers) && b.group >= 1 && b.group <= b.servers.size() &&
                         std::isfinite(b.advantage) && sound_time(b.since));
}

bool sound(const StoredDrain& drain) {
  return sound_name(drain.server) && (drain.by.empty() || sound_name(drain.by)) && sound_time(drain.since);
}

std::string join_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ',';
    out += name;
  }
  return out;
}

bool split_names(std::string_view text, std::vector<std::string>& out) {
  out.clear();
  for (;;) {
    const std::size_t comma = text.find(',');
    out.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return sound_servers(out);
    if (out.size() == Order::kMost) return false;
    text.remove_prefix(comma + 1);
  }
}

bool parse_cause(std::string_view text, Cause& out) {
  return parse_name(kCauseNames, text, out);
}

bool parse_kind(std::string_view text, Kind& out) {
  return parse_name(kKindNames, text, out);
}

}  // namespace flagfall::director
