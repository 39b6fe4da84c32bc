#include "master/http_sites.hh"

#include <fmt/core.h>

#include <algorithm>

#include "master/config.hh"

namespace flagfall::master {
namespace {

/// For any method: RTSP has no 307 (RFC 2326 §11.3.2, RFC 7826 §17.4.3).
constexpr unsigned kRtspStatus = 302;

HttpSite site_of(const ServiceConfig& service, std::size_t index, bool rtsp) {
  HttpSite out;
  out.service = static_cast<std::uint16_t>(index);
  out.status = rtsp ? kRtspStatus : service.http.status;
  out.status_other = rtsp ? kRtspStatus : service.http.status_other;
  out.max_age = service.ttl_bound;
  out.contents = !rtsp && service.http.responder == ServiceHttpConfig::Responder::backend;
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

}  // namespace

HttpSites::HttpSites(const Config& config, WebScheme scheme) {
  const bool rtsp = scheme == WebScheme::rtsp;
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    const ServiceConfig& service = config.services[s];
    const std::vector<std::string>& hosts = rtsp ? service.rtsp.hosts : service.http.hosts;
    if (hosts.empty()) continue;
    sites_.push_back(site_of(service, s, rtsp));
    const std::string& path = rtsp ? service.rtsp.path : service.http.path;
    for (const std::string& host : hosts) table_.add(host, path, sites_.size() - 1);
  }
}

const HttpSite* HttpSites::of(std::size_t service) const noexcept {
  const auto at = std::ranges::find(sites_, service, &HttpSite::service);
  return at == sites_.end() ? nullptr : &*at;
}

HttpSites::Found HttpSites::find(std::string_view host, std::string_view path,
                                 HostRoom& room) const noexcept {
  const auto found = table_.find(host, path, room);
  return found ? Found{&sites_[found->value], found->host} : Found{};
}

}  // namespace flagfall::master
