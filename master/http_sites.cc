#include "master/http_sites.hh"

#include <fmt/core.h>

#include <algorithm>

#include "master/config.hh"

namespace flagfall::master {
namespace {

constexpr std::size_t kMostHost = 253;  // octets of a name without its final dot (RFC 1035 §3.1)
/// For any method: RTSP has no 307 (RFC 2326 §11.3.2, RFC 7826 §17.4.3).
constexpr unsigned kRtspStatus = 302;

HttpSite site_of(const ServiceConfig& service, std::size_t index, bool rtsp) {
  HttpSite out;
  out.service = static_cast<std::uint16_t>(index);
  out.status = rtsp ? kRtspStatus : service.http.status;
  out.status_other = rtsp ? kRtspStatus : service.http.status_other;
  out.max_age = service.ttl_bound;
  out.retry_after = fmt::format("Retry-After: {}\r\n", std::max(1U, service.ttl_fallback));
  for (const SlaveConfig& slave : service.slaves) {
    auto& location = out.locations.emplace_back();
    if (slave.location.empty() || out.locations.size() > director::kMostServers) continue;
    location = *HttpLocation::parse(slave.location);  // the configuration is checked
    out.able |= director::bit(static_cast<director::ServerIndex>(out.locations.size() - 1));
  }
  for (const Family family : {Family::v4, Family::v6})
    for (const IpAddress& address : service.director.all_down.addresses)
      if (address.family == family) {
        const bool v6 = family == Family::v6;
        const std::string text =
            fmt::format("{{scheme}}://{}{}{}{{path}}", v6 ? "[" : "", to_string(address), v6 ? "]" : "");
        out.instead.push_back(*HttpLocation::parse(text));
        break;
      }
  return out;
}

/// "/videos" holds "/videos", "/videos/1" and "/videos?x", not "/videos2".
bool holds(std::string_view prefix, std::string_view path) {
  return path.starts_with(prefix) &&
         (path.size() == prefix.size() || path[prefix.size()] == '/' || path[prefix.size()] == '?');
}

}  // namespace

HttpSites::HttpSites(const Config& config, WebScheme scheme) {
  const bool rtsp = scheme == WebScheme::rtsp;
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    const ServiceConfig& service = config.services[s];
    const std::vector<std::string>& hosts = rtsp ? service.rtsp.hosts : service.http.hosts;
    if (hosts.empty()) continue;
    sites_.push_back(site_of(service, s, rtsp));
    for (const std::string& host : hosts) {
      std::string name = canonical_host(host);
      const bool wildcard = name.starts_with("*.");
      if (wildcard) name.erase(0, 2);
      if (wildcard) longest_below_ = std::max(longest_below_, name.size());
      Paths& paths = (wildcard ? below_ : exact_)[name];
      paths.push_back({canonical_prefix(rtsp ? service.rtsp.path : service.http.path), sites_.size() - 1});
      std::ranges::stable_sort(paths, std::ranges::greater(), [](const Path& p) { return p.prefix.size(); });
    }
  }
}

const HttpSites::Paths* HttpSites::paths_of(std::string_view host) const noexcept {
  if (const auto at = exact_.find(host); at != exact_.end()) return &at->second;
  for (std::size_t dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
    const std::string_view below = host.substr(dot + 1);
    if (dot == 0 || below.size() > longest_below_) continue;
    if (const auto at = below_.find(below); at != below_.end()) return &at->second;
  }
  return nullptr;
}

HttpSites::Found HttpSites::find(std::string_view host, std::string_view path,
                                 HostRoom& room) const noexcept {
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > kMostHost) return {};
  std::ranges::transform(host, room.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const std::string_view name(room.data(), host.size());
  const Paths* const paths = paths_of(name);
  if (paths == nullptr) return {};
  // As a Location has it: one "/" in front.
  while (path.starts_with("//")) path.remove_prefix(1);
  for (const Path& one : *paths)
    if (holds(one.prefix, path)) return {&sites_[one.site], name};
  return {};
}

}  // namespace flagfall::master
