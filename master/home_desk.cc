#include "master/home_desk.hh"

#include <algorithm>
#include <limits>

#include "master/http_sites.hh"

namespace flagfall::master {
namespace {

using Home = wire::HomeAnswer::Home;

Nanos seconds(std::uint32_t ttl) {
  return std::min<Nanos>(std::chrono::seconds(ttl), std::chrono::hours(1));
}

/// The first host that is no wildcard; empty: there is none.
std::string plain_host(const ServiceHttpConfig& http) {
  const auto at =
      std::ranges::find_if(http.hosts, [](const std::string& host) { return !host.starts_with("*."); });
  return at == http.hosts.end() ? std::string() : canonical_host(*at);
}

/// Another server's place has the service's host in it.
bool elsewhere_by_host(const ServiceConfig& service, const SlaveConfig& slave) {
  return std::ranges::any_of(service.slaves, [&](const SlaveConfig& other) {
    const auto location = http::Location::parse(other.location);
    return other.name != slave.name && location && location->takes_host();
  });
}

void add(std::vector<wire::WebSite>& out, wire::WebSite site) {
  const auto same = [&](const wire::WebSite& other) {
    return other.host == site.host && other.path == site.path;
  };
  if (site.path.size() <= wire::kMaxLocation && std::ranges::none_of(out, same))
    out.push_back(std::move(site));
}

}  // namespace

std::vector<wire::WebSite> web_sites(const ServiceConfig& service, const SlaveConfig& slave) {
  std::vector<wire::WebSite> out;
  const std::string path = canonical_prefix(service.http.path);
  for (const std::string& host : service.http.hosts) add(out, {canonical_host(host), path, 0, {}});
  const auto location = http::Location::parse(slave.location);
  if (!location) return out;  // nobody is sent there
  for (const std::string& host : service.http.hosts) {
    const auto own = location->own(canonical_host(host));
    if (!own) continue;
    // A wildcard's own hosts are all that it stands for, where nothing is added to them.
    const bool wildcard = host.starts_with("*.");
    if (wildcard && location->takes_host() && own->host != canonical_host(host)) continue;
    std::string stands_for = wildcard ? std::string() : canonical_host(host);
    if (!location->takes_host()) {
      // Which of several hosts was asked for is not to be told here; where it matters elsewhere, nobody is
      // sent on.
      if ((wildcard || service.http.hosts.size() > 1) && elsewhere_by_host(service, slave)) continue;
      stands_for = plain_host(service.http);
    }
    if (stands_for == own->host) stands_for.clear();
    add(out, {own->host, own->path + path, static_cast<std::uint16_t>(own->path.size()), stands_for});
  }
  return out;
}

wire::HomeAnswer HomeDesk::answer(const Config& config, const Snapshot& snapshot, std::size_t slave,
                                  const wire::HomeQuestion& question) noexcept {
  wire::HomeAnswer out;
  out.number = question.number;
  out.length = question.client.family == Family::v4 ? 32 : 128;
  const auto asked = std::ranges::find(config.services, question.service, &ServiceConfig::name);
  const auto s = static_cast<std::size_t>(asked - config.services.begin());
  if (asked == config.services.end() || s >= snapshot.services.size()) return out;
  out.keep = seconds(asked->ttl_learning);
  const RacedService& service = snapshot.services[s];
  const HttpSite* const site = snapshot.http ? snapshot.http->of(s) : nullptr;
  const auto self = std::ranges::find(service.slaves, slave);
  if (!service.view || service.nobody_fit || site == nullptr || self == service.slaves.end()) return out;
  const director::View& view = *service.view;
  const director::Decision told = view.decide(question.client);
  out.length = told.scope;
  // Who is preferred whoever asks, such as the one with the least connections, is nobody's home.
  if (told.race || !told.of_network) return out;
  const auto own = static_cast<director::ServerIndex>(self - service.slaves.begin());
  const director::ServerMask able = (site->able | director::bit(own)) & view.fit;
  director::ServerMask group = 0;
  for (std::size_t i = 0; i < told.order.group; ++i) group |= director::bit(told.order.servers.at(i));
  const director::Order line = view.line_up(told.order, able, 1, lots_, told.spare);
  if (line.empty() || !told.order.has(line.best())) return out;
  out.keep = seconds(asked->ttl_bound);
  out.home = Home::here;
  if ((group & able & director::bit(own)) != 0 || line.best() == own) return out;
  if (line.best() >= asked->slaves.size()) return out;
  out.home = Home::elsewhere;
  out.location = asked->slaves[line.best()].location;
  return out;
}

}  // namespace flagfall::master
