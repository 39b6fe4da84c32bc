#include "director/border_routes.hh"

#include <fmt/format.h>

#include <algorithm>

namespace flagfall::director {
namespace {

/// Below the main table's rule, 32766, and with room for an operator's own below it.
constexpr unsigned kFirstTable = 1000;

struct Border {
  const BorderConfig* config = nullptr;
  const SiteConfig* site = nullptr;
  unsigned table = 0;
};

std::vector<Border> borders_of(const std::vector<SiteConfig>& sites) {
  std::vector<Border> out;
  for (const SiteConfig& site : sites)
    for (const BorderConfig& border : site.borders) {
      const unsigned place = kFirstTable + static_cast<unsigned>(out.size());
      out.push_back({&border, &site, border.table != 0 ? border.table : place});
    }
  return out;
}

std::string_view family_option(Family family) {
  return family == Family::v4 ? "" : " -6";
}

/// Within 15 octets, the kernel's limit: the numbers are at most 10 digits.
std::string tunnel_at_server(const Border& border) {
  return fmt::format("ffb{}", border.table);
}
std::string tunnel_at_router(std::size_t server) {
  return fmt::format("ffs{}", server);
}

std::string tunnel_lines(const std::string& name, const IpAddress& local, const IpAddress& remote) {
  return fmt::format("ip link add {0} type {1} local {2} remote {3}\nip link set {0} up\n", name,
                     local.family == Family::v4 ? "gre" : "ip6gre", to_string(local), to_string(remote));
}

bool has_v4(const std::vector<IpAddress>& all) {
  return std::ranges::count(all, Family::v4, &IpAddress::family) > 0;
}

class Writer {
 public:
  explicit Writer(const std::vector<SiteConfig>& sites) : borders_(borders_of(sites)) {}

  void server(const BorderServer& server) {
    out_.text += fmt::format("# on {}, at site {}\n", server.name, server.site);
    if (std::ranges::any_of(server.borders, [](const auto& b) { return has_v4(b.answers); }))
      // Requests come in by one device, and the rules say that answers leave by another: strict filtering
      // would drop the requests.
      out_.text += "sysctl -w net.ipv4.conf.all.rp_filter=2\n";
    for (const BorderAnswersConfig& answers : server.borders) by(server, find(answers.border), answers);
    out_.text += '\n';
  }

  /// The routers' ends of all tunnels to a border.
  void router(const Border& border, const std::vector<BorderServer>& servers, const std::string& only) {
    std::string lines;
    for (std::size_t i = 0; i < servers.size(); ++i)
      for (const BorderAnswersConfig& answers : servers[i].borders) {
        const bool ours = answers.border == border.config->name && (only.empty() || servers[i].name == only);
        if (ours && servers[i].site != border.site->name && ready(border, answers))
          lines += fmt::format("# for {}\n{}", servers[i].name,
                               tunnel_lines(tunnel_at_router(i), *border.config->tunnel, *answers.local));
      }
    if (lines.empty()) return;
    out_.text +=
        fmt::format("# on the router of border {}, at site {}\n", border.config->name, border.site->name);
    out_.text +=
        "sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=2\n" +
        lines + '\n';
  }

  [[nodiscard]] const std::vector<Border>& borders() const { return borders_; }
  BorderCommands finish() { return std::move(out_); }

 private:
  [[nodiscard]] const Border& find(const std::string& name) const {
    return *std::ranges::find(borders_, name, [](const Border& b) { return b.config->name; });
  }

  static bool ready(const Border& border, const BorderAnswersConfig& answers) {
    return border.config->tunnel && answers.local && border.config->tunnel->family == answers.local->family;
  }

  void missing(std::string text) {
    out_.text += fmt::format("# missing: {}\n", text);
    out_.missing.push_back(std::move(text));
  }

  void by(const BorderServer& server, const Border& border, const BorderAnswersConfig& answers) {
    const bool here = border.site->name == server.site;
    out_.text += fmt::format("# by border {}{}\n", border.config->name,
                             here ? "" : fmt::format(", through a tunnel to site {}", border.site->name));
    if (!here && !tunnel(server, border, answers)) return;
    for (const Family family : {Family::v4, Family::v6}) {
      bool any = false;
      for (const IpAddress& address : answers.answers) {
        if (address.family != family) continue;
        any = true;
        out_.text += fmt::format(
            "ip{0} address replace {1}/{2} dev lo\nip{0} rule add from {1} lookup {3} priority {3}\n",
            family_option(family), to_string(address), address.size() * 8, border.table);
      }
      if (any) route(server, border, family, here);
    }
  }

  bool tunnel(const BorderServer& server, const Border& border, const BorderAnswersConfig& answers) {
    if (!border.config->tunnel)
      missing(
          fmt::format("border '{}' has no `tunnel`, where {}'s would end", border.config->name, server.name));
    else if (!answers.local)
      missing(fmt::format("'{}' has no `local` for border '{}', where its tunnel would begin", server.name,
                          border.config->name));
    else if (!ready(border, answers))
      missing(fmt::format("`local` of '{}' for border '{}' is not of the family of its `tunnel`", server.name,
                          border.config->name));
    else
      out_.text += tunnel_lines(tunnel_at_server(border), *answers.local, *border.config->tunnel);
    return ready(border, answers);
  }

  void route(const BorderServer& server, const Border& border, Family family, bool here) {
    std::string to = here ? "" : " dev " + tunnel_at_server(border);
    if (here) {
      const auto gateway = std::ranges::find(border.config->gateways, family, &IpAddress::family);
      if (gateway != border.config->gateways.end()) to += " via " + to_string(*gateway);
      if (!border.config->device.empty()) to += " dev " + border.config->device;
      if (to.empty())
        return missing(fmt::format("border '{}' has neither an {} gateway nor a device for '{}'",
                                   border.config->name, family == Family::v4 ? "IPv4" : "IPv6", server.name));
    }
    out_.text +=
        fmt::format("ip{} route replace default{} table {}\n", family_option(family), to, border.table);
  }

  std::vector<Border> borders_;
  BorderCommands out_;
};

}  // namespace

BorderCommands border_commands(const std::vector<SiteConfig>& sites, const std::vector<BorderServer>& servers,
                               const std::string& only) {
  Writer writer(sites);
  for (const BorderServer& server : servers)
    if (!server.borders.empty() && (only.empty() || server.name == only)) writer.server(server);
  for (const Border& border : writer.borders()) writer.router(border, servers, only);
  return writer.finish();
}

}  // namespace flagfall::director
