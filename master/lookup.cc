#include "master/lookup.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/http/authority.hh"
#include "master/http_sites.hh"

namespace flagfall::master {
namespace {

using nlohmann::json;

/// One record of prepared ones: a pointer to the name, type, class, TTL, length (RFC 1035 §4.1.3).
constexpr std::size_t kRecordHead = 12, kTtlAt = 6;

struct Told {
  std::vector<std::string> addresses;
  std::uint32_t ttl = 0;
};

/// What prepare_addresses() has made.
void tell(const wire::PreparedRecords& records, Told& out) {
  const std::span all(records.bytes);
  std::size_t at = 0;
  for (unsigned i = 0; i < records.count; ++i) {
    const auto u8 = [&](std::size_t offset) { return static_cast<std::uint32_t>(all[at + offset]); };
    const std::size_t size = u8(10) << 8 | u8(11);
    IpAddress ip;
    ip.family = size == 4 ? Family::v4 : Family::v6;
    std::ranges::copy(all.subspan(at + kRecordHead, size), ip.octets.begin());
    out.addresses.push_back(to_string(ip));
    out.ttl = u8(kTtlAt) << 24 | u8(kTtlAt + 1) << 16 | u8(kTtlAt + 2) << 8 | u8(kTtlAt + 3);
    at += kRecordHead + size;
  }
}

std::string folded(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

/// Which policy leads there, and its reason in words.
std::pair<std::string, std::string> method_of(const director::Explanation& e) {
  if (e.known && e.cluster.reason.cause == director::Cause::by_hand)
    return {"by hand", director::to_text(e.cluster.reason)};
  for (const director::PolicyWord& word : e.words)
    if (!word.order.empty()) return {std::string(director::name_of(word.policy)), word.why};
  return {"none", "no policy prefers a server"};
}

struct Url {
  WebScheme scheme = WebScheme::http;
  std::string_view host;
  std::string_view path;  // with the query, without what stands behind "#"
};

/// As far as it says who is to answer (RFC 3986 §3).
std::optional<Url> parts_of(std::string_view text) {
  text = text.substr(0, text.find('#'));
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string scheme = folded(std::string(text.substr(0, colon)));
  const auto* const known =
      std::ranges::find_if(kWebSchemes, [&](WebScheme one) { return name_of(one) == scheme; });
  if (known == kWebSchemes.end()) return std::nullopt;
  text.remove_prefix(colon + 3);
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  const auto authority = http::parse_authority(text.substr(0, end));
  if (!authority || authority->host.empty()) return std::nullopt;
  return Url{*known, authority->host, text.substr(end)};
}

}  // namespace

bool answers_for(const std::string& name, const std::string& host) {
  const std::string mine = folded(name), asked = folded(host);
  if (!mine.starts_with("*.")) return mine == asked;
  return asked.size() >= mine.size() && asked.ends_with(mine.substr(1)) && !asked.starts_with('.');
}

Result<std::size_t> Lookup::at_site(WebScheme scheme, std::string_view host, std::string_view path) const {
  HttpSites::HostRoom room{};
  const auto& sites = published_.sites_of(scheme);
  const HttpSites::Found found = sites ? sites->find(host, path, room) : HttpSites::Found{};
  if (found.site == nullptr) return Error{fmt::format("no service holds '{}' on host '{}'", path, host)};
  return found.site->service;
}

Result<std::size_t> Lookup::service_of(const net::AdminRequest& request) const {
  const std::string* const path = request.parameter("path");
  const std::string* const url = request.parameter("url");
  Result<std::size_t> found = Error{""};
  if (url != nullptr) {
    const auto parts = parts_of(*url);
    if (!parts) return Error{fmt::format("'{}' is no http, https or rtsp URL", *url)};
    found = at_site(parts->scheme, parts->host, parts->path);
  } else if (path != nullptr) {
    found = at_site(WebScheme::http, *request.parameter("host"), *path);
  } else {
    found = by_name(request.parameter("service"), request.parameter("host"));
  }
  if (!found) return found;
  if (desk_.of(*found) == nullptr || *found >= published_.services.size() ||
      !published_.services[*found].view)
    return Error{fmt::format("service '{}' has no director: its servers race for every query",
                             desk_.config().services[*found].name)};
  return found;
}

Result<std::size_t> Lookup::by_name(const std::string* name, const std::string* host) const {
  const auto& services = desk_.config().services;
  std::optional<std::size_t> found;
  std::size_t longest = 0;  // of several wildcards that fit, the closest one answers
  for (std::size_t s = 0; s < services.size(); ++s) {
    if (name != nullptr && services[s].name == *name) found = s;
    if (host == nullptr) continue;
    for (const std::string& one : services[s].names)
      if (answers_for(one, *host) && (one.starts_with("*.") ? one.size() : 1024) > longest) {
        longest = one.starts_with("*.") ? one.size() : 1024;
        found = s;
      }
  }
  if (!found) return Error{fmt::format("no service '{}'", name != nullptr ? *name : *host)};
  return *found;
}

net::AdminReply Lookup::look_up(const net::AdminRequest& request) {
  const std::string* const client = request.parameter("client");
  if (client == nullptr) return net::admin_error(400, "of which client? write client=ADDRESS");
  const auto address = parse_ip(*client);
  if (!address) return net::admin_error(400, address.error());
  const auto has = [&](const char* name) { return request.parameter(name) != nullptr; };
  if (std::ranges::count_if(std::array{"service", "host", "url"}, has) != 1)
    return net::admin_error(
        400, "of which service? write service=NAME, host=NAME, host=NAME&path=/PATH or url=URL");
  if (has("path") && (!has("host") || !request.parameter("path")->starts_with('/')))
    return net::admin_error(400, "path is of a host and begins with '/': write host=NAME&path=/PATH");
  const auto s = service_of(request);
  if (!s) return net::admin_error(404, s.error());
  const RacedService& service = published_.services[*s];
  const director::Explanation why = desk_.of(*s)->explain(*address);
  const auto [method, reason] = method_of(why);
  const Guide::Way way = guide_.decide(service, *address);
  json out{{"service", desk_.config().services[*s].name},
           {"client", to_string(*address)},
           {"method", method},
           {"reason", reason},
           {"sure", !way.learning},
           {"scope", why.decision.scope},
           {"nobody_fit", service.nobody_fit},
           {"servers", json::array()}};
  if (service.nobody_fit && service.refuse)
    return net::admin_error(503,
                            fmt::format("service '{}' has no fit server", out["service"].get<std::string>()));
  std::optional<std::uint32_t> ttl;
  const auto add = [&](const json& server, const Told& told) {
    if (told.addresses.empty()) return;
    ttl = ttl ? std::min(*ttl, told.ttl) : told.ttl;
    out["servers"].push_back({{"server", server}, {"addresses", told.addresses}});
  };
  if (service.nobody_fit && service.servers->has_instead()) {
    Told told;
    for (const bool v6 : {false, true}) tell(service.servers->instead(v6), told);
    add(nullptr, told);
  } else {
    const director::ServerMask able = service.servers->able(false) | service.servers->able(true);
    const director::View& view = *service.view;
    const Standing standing = service.nobody_fit ? Standing::nobody_fit
                              : way.learning     ? Standing::learning
                                                 : Standing::bound;
    const director::Order line =
        view.line_up(way.order, able & view.fit, director::Order::kMost, lots_, way.spare);
    for (const director::ServerIndex server : line.all()) {
      Told told;
      const auto preferred = std::ranges::find(way.order.all(), server);
      const auto by = preferred == way.order.all().end()
                          ? std::uint8_t{0}
                          : way.ways.at(static_cast<std::size_t>(preferred - way.order.all().begin()));
      for (const bool v6 : {false, true}) tell(service.servers->of(server, by, v6, standing), told);
      add(desk_.name(*s, server), told);
    }
  }
  if (!ttl) return net::admin_error(503, "no server has an address");
  out["ttl"] = *ttl;
  return {200, out.dump(-1, ' ', true)};
}

}  // namespace flagfall::master
