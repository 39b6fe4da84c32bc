#include "common/http/host_table.hh"

#include <algorithm>
#include <utility>

namespace flagfall::http {
namespace {

constexpr std::size_t kMostHost = 253;  // octets of a name without its final dot (RFC 1035 §3.1)

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// "/videos" holds "/videos", "/videos/1" and "/videos?x", not "/videos2".
bool holds(std::string_view prefix, std::string_view path) {
  return path.starts_with(prefix) &&
         (path.size() == prefix.size() || path[prefix.size()] == '/' || path[prefix.size()] == '?');
}

}  // namespace

std::string canonical_host(std::string host) {
  std::ranges::transform(host, host.begin(), lower);
  if (host.size() > 1 && host.ends_with('.')) host.pop_back();
  return host;
}

std::string canonical_prefix(std::string path) {
  while (path.ends_with('/')) path.pop_back();
  return path;
}

void HostTable::add(std::string host, std::string path, std::size_t value) {
  std::string name = canonical_host(std::move(host));
  const bool wildcard = name.starts_with("*.");
  if (wildcard) name.erase(0, 2);
  if (wildcard) longest_below_ = std::max(longest_below_, name.size());
  Paths& paths = (wildcard ? below_ : exact_)[name];
  paths.push_back({canonical_prefix(std::move(path)), value});
  std::ranges::stable_sort(paths, std::ranges::greater(), [](const Path& p) { return p.prefix.size(); });
}

const HostTable::Paths* HostTable::paths_of(std::string_view host) const noexcept {
  if (const auto at = exact_.find(host); at != exact_.end()) return &at->second;
  for (std::size_t dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
    const std::string_view below = host.substr(dot + 1);
    if (dot == 0 || below.size() > longest_below_) continue;
    if (const auto at = below_.find(below); at != below_.end()) return &at->second;
  }
  return nullptr;
}

std::optional<HostTable::Found> HostTable::find(std::string_view host, std::string_view path,
                                                Room& room) const noexcept {
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > kMostHost) return std::nullopt;
  std::ranges::transform(host, room.begin(), lower);
  const std::string_view name(room.data(), host.size());
  const Paths* const paths = paths_of(name);
  if (paths == nullptr) return std::nullopt;
  while (path.starts_with("//")) path.remove_prefix(1);
  for (const Path& one : *paths)
    if (holds(one.prefix, path)) return Found{one.value, name, path};
  return std::nullopt;
}

}  // namespace flagfall::http
