#include "director/config.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <utility>

namespace flagfall::director {
namespace {

using config::Where;

/// Sites and borders are told apart by an octet.
constexpr std::size_t kMostSites = 64;
constexpr std::size_t kMostBorders = 64;
/// Any more cannot be in one answer.
constexpr std::size_t kMostAddresses = 16;

void check_gateways(const BorderConfig& border, const Where& where) {
  for (const Family family : {Family::v4, Family::v6})
    if (std::ranges::count(border.gateways, family, &IpAddress::family) > 1)
      where.error("gateways",
                  fmt::format("more than one {} address", family == Family::v4 ? "IPv4" : "IPv6"));
}

config::Schema<BorderConfig> border_schema() {
  config::Schema<BorderConfig> s;
  s.key("name", &BorderConfig::name,
        {.help = "For the servers' addresses", .required = true, .example = R"("fra-transit")"});
  s.key("gateways", &BorderConfig::gateways,
        {.help = "Next hop of this site's servers towards it, one of each family; for `flagfall borders`"});
  s.key("device", &BorderConfig::device,
        {.help = "The servers' device to it; empty: the one that the gateway is reached by",
         .example = R"("eth1")"});
  s.key("tunnel", &BorderConfig::tunnel,
        {.help = "Its router's own address: where tunnels from servers of other sites end"});
  s.key("table", &BorderConfig::table,
        {.help = "Routing table for it on servers; 0: 1000 and its place among all borders",
         .least = "0",
         .most = "4294967295"});
  s.key("pinger", &BorderConfig::pinger,
        {.help =
             "The slave or collector whose pings leave by it; empty: all slaves of the site, which then has "
             "no other border",
         .example = R"("fra-ping")"});
  s.check(check_gateways);
  return s;
}

std::set<std::string> names_of(const std::vector<SiteConfig>& sites) {
  std::set<std::string> out;
  for (const SiteConfig& site : sites) out.insert(site.name);
  return out;
}

/// "; there are: ams, fra"
std::string there_are(const std::set<std::string>& names) {
  return names.empty() ? std::string("; there is no [[site]]")
                       : fmt::format("; there are: {}", fmt::join(names, ", "));
}

void check_names(const std::vector<SiteConfig>& sites, const Where& where) {
  std::set<std::string> seen;
  std::set<std::string> borders;
  std::map<unsigned, std::string> tables;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (!seen.insert(sites[i].name).second)
      where.error(fmt::format("site.{}.name", i), fmt::format("site '{}' is there twice", sites[i].name));
    for (std::size_t b = 0; b < sites[i].borders.size(); ++b) {
      const BorderConfig& border = sites[i].borders[b];
      if (!borders.insert(border.name).second)
        where.error(fmt::format("site.{}.border.{}.name", i, b),
                    fmt::format("border '{}' is there twice", border.name));
      if (border.table == 0) continue;
      const auto [other, fresh] = tables.emplace(border.table, border.name);
      if (!fresh)
        where.error(fmt::format("site.{}.border.{}.table", i, b),
                    fmt::format("border '{}' has table {} already", other->second, border.table));
    }
  }
  if (sites.size() > kMostSites) where.error("site", fmt::format("at most {} sites", kMostSites));
  if (borders.size() > kMostBorders) where.error("site", fmt::format("at most {} borders", kMostBorders));
}

void check_internal(const std::vector<SiteConfig>& sites, const std::vector<InternalConfig>& internal,
                    const Where& where) {
  const std::set<std::string> known = names_of(sites);
  std::set<std::pair<std::string, std::string>> ways;
  bool wrong = false;
  for (std::size_t i = 0; i < internal.size(); ++i) {
    const InternalConfig& way = internal[i];
    const std::string key = fmt::format("internal.{}.between", i);
    for (const std::string& name : way.between)
      if (!known.contains(name)) {
        where.error(key, fmt::format("no site '{}'{}", name, there_are(known)));
        wrong = true;
      }
    if (!ways.insert(std::minmax(way.between[0], way.between[1])).second)
      where.error(
          key, fmt::format("the way between '{}' and '{}' is there twice", way.between[0], way.between[1]));
  }
  const bool borders = std::ranges::any_of(sites, [](const SiteConfig& s) { return !s.borders.empty(); });
  if (!borders || wrong) return;
  for (auto a = known.begin(); a != known.end(); ++a)
    for (auto b = std::next(a); b != known.end(); ++b)
      if (!ways.contains({*a, *b}))
        where.error("internal",
                    fmt::format("the delay between '{0}' and '{1}' is missing: add [[internal]] with "
                                "between = [\"{0}\", \"{1}\"]",
                                *a, *b));
}

}  // namespace

void check_sites(const std::vector<SiteConfig>& sites, const std::vector<InternalConfig>& internal,
                 const PathConfig& paths, const Where& where) {
  check_names(sites, where);
  check_internal(sites, internal, where);
  const std::set<std::string> known = names_of(sites);
  if (!paths.site.empty() && !known.contains(paths.site))
    where.error("paths.site", fmt::format("no site '{}'{}", paths.site, there_are(known)));
  const bool borders = std::ranges::any_of(sites, [](const SiteConfig& s) { return !s.borders.empty(); });
  if (borders && paths.site.empty())
    where.error("paths.site", "with borders, write the site of this master: requests come in there");
}

void check_geo(const GeoConfig& geo, const std::vector<SiteConfig>& sites, const Where& where) {
  const std::set<std::string> known = names_of(sites);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < geo.regions.size(); ++i) {
    const GeoRegionConfig& region = geo.regions[i];
    if (!known.contains(region.site))
      where.error(fmt::format("geo.region.{}.site", i),
                  fmt::format("no site '{}'{}", region.site, there_are(known)));
    const std::string what = region.country.empty() ? "continent" : "country";
    const std::string& code = region.country.empty() ? region.continent : region.country;
    if (!seen.insert(fmt::format("{} {}", what, code)).second)
      where.error(fmt::format("geo.region.{}.{}", i, what),
                  fmt::format("{} '{}' is there twice", what, code));
  }
  const bool placed = std::ranges::any_of(sites, [](const SiteConfig& s) { return s.latitude.has_value(); });
  if (!geo.database.empty() && !placed && geo.regions.empty())
    where.error("geo.database",
                "it says where clients are: write latitude and longitude of each [[site]], or "
                "[[geo.region]] entries");
}

void check_border_answers(const std::vector<BorderAnswersConfig>& borders,
                          const std::vector<SiteConfig>& sites, const std::string& key, const Where& where) {
  std::set<std::string> known;
  for (const SiteConfig& site : sites)
    for (const BorderConfig& border : site.borders) known.insert(border.name);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < borders.size(); ++i) {
    const std::string at = fmt::format("{}.{}.border", key, i);
    if (!known.contains(borders[i].border))
      where.error(at, known.empty() ? fmt::format("no border '{}'; no [[site]] has one", borders[i].border)
                                    : fmt::format("no border '{}'{}", borders[i].border, there_are(known)));
    if (!seen.insert(borders[i].border).second)
      where.error(at, fmt::format("border '{}' is there twice", borders[i].border));
  }
}

std::vector<std::string> border_names(const std::vector<SiteConfig>& sites) {
  std::vector<std::string> out;
  for (const SiteConfig& site : sites)
    for (const BorderConfig& border : site.borders) out.push_back(border.name);
  return out;
}

config::Schema<SiteConfig> site_schema() {
  config::Schema<SiteConfig> s;
  s.key("name", &SiteConfig::name, {.help = "For slaves' `site`", .required = true, .example = R"("fra")"});
  s.key("latitude", &SiteConfig::latitude,
        {.help = "Degrees north, for policy \"geo\"", .least = "-90", .most = "90", .example = "50.11"});
  s.key("longitude", &SiteConfig::longitude,
        {.help = "Degrees east", .least = "-180", .most = "180", .example = "8.68"});
  s.list("border", &SiteConfig::borders, border_schema(),
         {.help = "Ways out of the network at this site, for policy \"composite\""});
  s.check([](const SiteConfig& c, const Where& where) {
    if (c.latitude.has_value() != c.longitude.has_value())
      where.error(c.latitude ? "latitude" : "longitude", "write both, latitude and longitude, or none");
  });
  return s;
}

config::Schema<InternalConfig> internal_schema() {
  config::Schema<InternalConfig> s;
  s.key("between", &InternalConfig::between,
        {.help = "Two sites", .required = true, .example = R"(["fra", "ams"])"});
  s.key("delay", &InternalConfig::delay,
        {.help = "One way, from the first to the second", .least = "0s", .most = "10s"});
  s.key("back", &InternalConfig::back,
        {.help = "From the second to the first; absent: the same", .least = "0s", .most = "10s"});
  s.check([](const InternalConfig& c, const Where& where) {
    if (c.between.size() != 2 || c.between[0] == c.between[1]) where.error("between", "write two sites");
  });
  return s;
}

config::Schema<PathConfig> path_schema() {
  config::Schema<PathConfig> s;
  s.key("site", &PathConfig::site,
        {.help = "The site of this master, where requests come in", .example = R"("fra")"});
  s.choice(
      "ping_source", &PathConfig::ping_source, {{"own", PingSource::own}, {"shared", PingSource::shared}},
      {.help = R"("own": each site pings from an address of its own, replies come back the same way; )"
               R"("shared": all from one address, and replies enter at the site where the request did)"});
  return s;
}

config::Schema<GeoConfig> geo_schema() {
  config::Schema<GeoRegionConfig> region;
  region.key("country", &GeoRegionConfig::country,
             {.help = "A country's code (ISO 3166-1), as the database has it", .example = R"("DE")"});
  region.key(
      "continent", &GeoRegionConfig::continent,
      {.help = "Or a continent's (AF AN AS EU NA OC SA), for its countries without a region of their own",
       .example = R"("EU")"});
  region.key("site", &GeoRegionConfig::site,
             {.help = "Where its clients are taken to be", .required = true, .example = R"("fra")"});
  region.check([](const GeoRegionConfig& c, const Where& where) {
    if (c.country.empty() == c.continent.empty())
      where.error("site", "write either `country` or `continent`");
  });

  config::Schema<GeoConfig> s;
  s.key("database", &GeoConfig::database,
        {.help = "MaxMind database (.mmdb) of cities, or of countries; read at the start and on a reload",
         .example = R"("/usr/share/GeoIP/GeoLite2-City.mmdb")"});
  s.list("region", &GeoConfig::regions, region,
         {.help = "For networks of which the database says no more than the country"});
  return s;
}

config::Schema<PolicyConfig> policy_schema() {
  config::Schema<PolicyConfig> s;
  s.key("policies", &PolicyConfig::policies,
        {.help = fmt::format("What decides, the first with an opinion: {}", fmt::join(kPolicyNames, ", ")),
         .example = R"(["static", "race", "geo"])"});
  s.key("prefixes", &PolicyConfig::prefixes,
        {.help = "Of policy \"static\": a file with lines of a prefix and one or more slaves, best first",
         .example = R"("web.prefixes")"});
  s.key(
      "fuzz", &PolicyConfig::fuzz,
      {.help = "Of policy \"composite\": paths that are longer than the best by no more than this share are "
               "as good",
       .least = "0",
       .most = "1"});
  s.key("near", &PolicyConfig::near,
        {.help = "Of policies by load: servers within this share of the best are as good",
         .least = "0",
         .most = "1"});
  s.key("load_fresh", &PolicyConfig::load_fresh,
        {.help = "A server whose last load report is older is unknown, and behind all that are known",
         .least = "2s",
         .most = "1h"});
  s.key("wait", &PolicyConfig::wait,
        {.help = "Of policies \"ping\" and \"composite\": so long may a network's first query wait for the "
                 "pings of its client",
         .least = "0ms",
         .most = "1s"});
  s.key("all_down", &PolicyConfig::all_down,
        {.help = R"(What is answered when no server is fit: "all" of them, those that were "last", "refuse" )"
                 "the request, or these addresses"});
  s.check([](const PolicyConfig& c, const Where& where) {
    const auto has = [&](Policy policy) { return std::ranges::count(c.policies, policy) > 0; };
    for (std::size_t i = 0; i < c.policies.size(); ++i)
      if (std::ranges::count(c.policies, c.policies[i]) > 1)
        where.error(fmt::format("policies.{}", i),
                    fmt::format("\"{}\" is there twice", name_of(c.policies[i])));
    if (has(Policy::fixed) && c.prefixes.empty())
      where.error("policies", R"("static" needs `prefixes`, the file to read)");
    if (!has(Policy::fixed) && !c.prefixes.empty())
      where.error("prefixes", R"(nothing reads it: `policies` has no "static")");
    if (c.wait > Nanos(0) && !has(Policy::ping) && !has(Policy::composite))
      where.error("wait", R"(nothing is pinged: `policies` has neither "ping" nor "composite")");
    if (c.all_down.addresses.size() > kMostAddresses)
      where.error("all_down", fmt::format("at most {} addresses", kMostAddresses));
  });
  return s;
}

config::Schema<Capacity> capacity_schema() {
  config::Schema<Capacity> s;
  s.key("weight", &Capacity::weight,
        {.help = "Size beside the service's other servers, for policies \"weighted\" and \"composite\"; 0: "
                 "only when nothing else is fit",
         .least = "0",
         .most = "1000000"});
  s.key("connections", &Capacity::connections,
        {.help = "Open TCP connections that it can take; absent: no limit",
         .least = "1",
         .most = "1000000000",
         .example = "10000"});
  s.key("requests", &Capacity::requests,
        {.help = "Requests a second that it can take; absent: no limit",
         .least = "0.001",
         .most = "1000000000",
         .example = "500"});
  s.key("load", &Capacity::load,
        {.help = "Share of its processors that may be busy; absent: no limit",
         .least = "0.01",
         .most = "1",
         .example = "0.8"});
  return s;
}

config::Schema<ShedOptions> shed_schema() {
  using C = ShedOptions;
  config::Schema<C> s;
  s.key(
      "fill", &C::fill,
      {.help = "Client networks of a server over its capacity move to others, but to none beyond this share "
               "of its own",
       .least = "0.1",
       .most = "1"});
  s.key(
      "calm", &C::calm,
      {.help = "Below this share of its capacity a server takes them back", .least = "0.05", .most = "0.99"});
  s.key("settle", &C::settle,
        {.help = "Between two times that networks move away, or come back: so long it takes until it shows",
         .least = "1s",
         .most = "1h"});
  s.key("rest", &C::rest,
        {.help = "So long a server must be calm before it takes any back", .least = "1s", .most = "24h"});
  s.key("back", &C::back,
        {.help = "Share of a server's requests that come back at once; one network at least",
         .least = "0.001",
         .most = "1"});
  s.key("most", &C::most,
        {.help = "Client networks of a service that are away at once, at most",
         .least = "0",
         .most = "1000000"});
  s.check([](const C& c, const Where& where) {
    if (c.calm >= c.fill) where.error("calm", "must be less than fill");
  });
  return s;
}

config::Schema<BorderAnswersConfig> border_answers_schema() {
  config::Schema<BorderAnswersConfig> s;
  s.key("border", &BorderAnswersConfig::border,
        {.help = "A border of any site", .required = true, .example = R"("fra-transit")"});
  s.key("answers", &BorderAnswersConfig::answers,
        {.help = "What this slave answers with so that its content leaves there: addresses that no other "
                 "border of it has",
         .required = true});
  s.key("local", &BorderAnswersConfig::local,
        {.help = "The server's own end of a tunnel to a border of another site; for `flagfall borders`"});
  s.check([](const BorderAnswersConfig& c, const Where& where) {
    if (c.answers.size() > kMostAddresses)
      where.error("answers", fmt::format("at most {} addresses", kMostAddresses));
  });
  return s;
}

}  // namespace flagfall::director

namespace flagfall::config {

bool Codec<director::Policy>::read(const Value& value, const Context& context, director::Policy& out) {
  const auto* const text = std::get_if<std::string>(&value.data);
  const auto* const at =
      text == nullptr ? director::kPolicyNames.end() : std::ranges::find(director::kPolicyNames, *text);
  if (at == director::kPolicyNames.end())
    return context.fail(value, fmt::format("expected one of {}, found {}",
                                           fmt::join(director::kPolicyNames, ", "), value.describe()));
  out = static_cast<director::Policy>(at - director::kPolicyNames.begin());
  return true;
}

bool Codec<director::AllDown>::read(const Value& value, const Context& context, director::AllDown& out) {
  using What = director::AllDown::What;
  if (std::holds_alternative<Value::Array>(value.data)) {
    director::AllDown read{What::addresses, {}};
    if (!Codec<std::vector<IpAddress>>::read(value, context, read.addresses)) return false;
    if (read.addresses.empty()) return context.fail(value, R"(write addresses, or "refuse")");
    out = std::move(read);
    return true;
  }
  const auto* const text = std::get_if<std::string>(&value.data);
  for (const auto& [word, what] :
       {std::pair("all", What::all), {"last", What::last}, {"refuse", What::refuse}})
    if (text != nullptr && *text == word) {
      out = {what, {}};
      return true;
    }
  return context.fail(value, fmt::format("expected {}, found {}", name(), value.describe()));
}

std::string Codec<director::AllDown>::write(const director::AllDown& value) {
  switch (value.what) {
    case director::AllDown::What::all:
      return R"("all")";
    case director::AllDown::What::last:
      return R"("last")";
    case director::AllDown::What::refuse:
      return R"("refuse")";
    case director::AllDown::What::addresses:
      break;
  }
  return Codec<std::vector<IpAddress>>::write(value.addresses);
}

}  // namespace flagfall::config
