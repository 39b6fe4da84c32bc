#include "master/config.hh"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "common/dns/zone.hh"

namespace flagfall::master {
namespace {

using config::Key;
using config::Where;

/// Lower case, without the final dot.
std::string canonical(std::string name) {
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.size() > 1 && name.ends_with('.')) name.pop_back();
  return name;
}

void check_dns(const DnsConfig& dns, const Where& where) {
  std::set<Endpoint> seen;
  for (std::size_t i = 0; i < dns.listen.size(); ++i) {
    const std::string key = fmt::format("listen.{}", i);
    if (dns.listen[i].ip.unspecified())
      where.error(
          key,
          "slaves answer from the address that the client asked, so a wildcard cannot be raced: write each "
          "address of this host that is a service's");
    if (!seen.insert(dns.listen[i]).second) where.error(key, "is there twice");
  }
  if (dns.listen.size() > kMostListen)
    where.error("listen", fmt::format("at most {} addresses", kMostListen));
}

void check_control(const ControlConfig& control, const Where& where) {
  for (const Family family : {Family::v4, Family::v6})
    if (std::ranges::count(control.listen.all, family, [](const Endpoint& at) { return at.ip.family; }) > 1)
      where.error("listen", fmt::format("more than one {} address: orders leave from the one of the slave's "
                                        "family, so name one IPv4 and one IPv6 address at most",
                                        family == Family::v4 ? "IPv4" : "IPv6"));
}

void check_names(const Config& c, const Where& where) {
  std::map<std::string, std::string> raced;  // name -> its service
  for (std::size_t s = 0; s < c.services.size(); ++s) {
    for (std::size_t i = 0; i < c.services[s].names.size(); ++i) {
      const std::string& name = c.services[s].names[i];
      const std::string key = fmt::format("service.{}.names.{}", s, i);
      if (zone_of(c, name) < 0)
        where.error(
            key, fmt::format("'{}' lies in none of the zones: add its [[zone]], or correct the name", name));
      const auto [other, fresh] = raced.emplace(canonical(name), c.services[s].name);
      if (!fresh) where.error(key, fmt::format("'{}' is raced by service '{}' already", name, other->second));
    }
  }
  const std::string& unique = c.director.unique_names;
  if (!unique.empty() && (unique.starts_with("*") || zone_of(c, unique) < 0))
    where.error(
        "director.unique_names",
        fmt::format("'{}' is no name in one of the zones: names below it are answered from there", unique));
}

void check_slaves(const ServiceConfig& service, std::size_t index, const Where& where) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < service.slaves.size(); ++i)
    if (!seen.insert(service.slaves[i].name).second)
      where.error(
          fmt::format("service.{}.slave.{}.name", index, i),
          fmt::format("slave '{}' is there twice in service '{}'", service.slaves[i].name, service.name));
}

void check_delay(const ServiceConfig& service, std::size_t index, const Where& where) {
  const auto* const follow = std::get_if<delay::Follow>(&service.delay);
  if (follow == nullptr || !follow->nearest || *follow->nearest <= service.slaves.size()) return;
  where.error(fmt::format("service.{}.delay.nearest", index),
              fmt::format("{} slaves shall count, but service '{}' has {}", *follow->nearest, service.name,
                          service.slaves.size()));
}

void check_all(const Config& c, const Where& where) {
  std::set<std::string> zones;
  for (std::size_t i = 0; i < c.zones.size(); ++i)
    if (!zones.insert(canonical(c.zones[i].origin)).second)
      where.error(fmt::format("zone.{}.origin", i),
                  fmt::format("zone '{}' is there twice", c.zones[i].origin));
  std::set<std::string> services;
  for (std::size_t s = 0; s < c.services.size(); ++s) {
    if (!services.insert(c.services[s].name).second)
      where.error(fmt::format("service.{}.name", s),
                  fmt::format("service '{}' is there twice", c.services[s].name));
    check_slaves(c.services[s], s, where);
    check_delay(c.services[s], s, where);
  }
  if (c.guard.prefix_burst > c.guard.burst) where.error("guard.prefix_burst", "is more than guard.burst");
  if (c.guard.verified_prefix_burst > c.guard.verified_burst)
    where.error("guard.verified_prefix_burst", "is more than guard.verified_burst");
  check_names(c, where);
  check_name_servers(c, where);
  check_network(c, where);
  check_http(c, where);
  check_udp(c, where);
}

config::Schema<DnsConfig> dns_schema() {
  config::Schema<DnsConfig> s;
  s.key("listen", &DnsConfig::listen,
        {.help = "Service addresses: what clients ask, and what slaves answer from; concrete ones",
         .required = true,
         .port = 53});
  s.key("threads", &DnsConfig::threads,
        {.help = "Request loops; 0: one a core", .least = "0", .most = std::to_string(kMostThreads)});
  s.key("nsid", &DnsConfig::nsid, {.help = "Name of this server for who asks (RFC 5001); empty: none"});
  s.key("udp_size", &DnsConfig::udp_size,
        {.help = "Largest answer over UDP, in octets", .least = "512", .most = "4096"});
  s.key("receive_buffer", &DnsConfig::receive_buffer,
        {.help = "Queue of each socket; the kernel caps it at net.core.rmem_max",
         .least = "64KiB",
         .most = "1GiB"});
  s.key("tcp_connections", &DnsConfig::tcp_connections,
        {.help = "TCP connections at once, shared evenly by the loops", .least = "1", .most = "1000000"});
  s.key("tcp_idle", &DnsConfig::tcp_idle,
        {.help = "A TCP connection without a whole query for this long is closed",
         .least = "100ms",
         .most = "1h"});
  s.key("rate", &DnsConfig::rate,
        {.help = "Answers a second over UDP, errors too, to one client network (guard.prefix_v4, prefix_v6) "
                 "without a valid DNS cookie; races are not counted; 0: no limit",
         .least = "0",
         .most = "1000000"});
  s.key("burst", &DnsConfig::burst, {.help = "And at once", .least = "1", .most = "1000000"});
  s.key("slip", &DnsConfig::slip,
        {.help = "Of the answers above the limit every so-many-th is told to come over TCP, the others are "
                 "dropped: 1: all are told, 2: half of them; 0: all are dropped",
         .least = "0",
         .most = "10"});
  s.check(check_dns);
  return s;
}

config::Schema<ControlConfig> control_schema() {
  config::Schema<ControlConfig> s;
  s.key(
      "listen", &ControlConfig::listen,
      {.help = "Where slaves dial in (TCP): one address, or one of each family; orders leave from the one of "
               "the slave's family",
       .required = true,
       .port = 4953});
  s.key("ca", &ControlConfig::ca,
        {.help = "Certificate of the CA that signed the slaves' certificates", .required = true});
  s.key("certificate", &ControlConfig::certificate, {.help = "This master's certificate", .required = true});
  s.key("key", &ControlConfig::key,
        {.help = "Its key; others must not be able to read it", .required = true});
  s.key("heartbeat", &ControlConfig::heartbeat,
        {.help = "Between two heartbeats of a session; silent for three, a slave is out",
         .least = "50ms",
         .most = "1m"});
  s.key("order_dscp", &ControlConfig::order_dscp,
        {.help = "DSCP of order datagrams (46: expedited forwarding)", .least = "0", .most = "63"});
  s.key("order_size", &ControlConfig::order_size,
        {.help = "Octets of UDP payload in an order datagram at most; never fragmented",
         .least = "512",
         .most = "8900"});
  s.check(check_control);
  return s;
}

config::Schema<RaceConfig> race_schema() {
  config::Schema<RaceConfig> s;
  s.choice("timestamp", &RaceConfig::timestamp,
           {{"receipt", RaceOptions::Timestamp::receipt}, {"dequeue", RaceOptions::Timestamp::dequeue}},
           {.help = "The instant counts from the kernel's receive stamp, or from the taking off the queue"});
  s.key(
      "retry_window", &RaceConfig::retry_window,
      {.help = "Who asks the same again within this is answered by the master; 6 s at least while slaves of "
               "the service have refused or failed orders within the last minute",
       .least = "0s",
       .most = "1m"});
  s.key("max_slaves", &RaceConfig::max_slaves,
        {.help = "Slaves in one race at most", .least = "1", .most = std::to_string(kMostRunners)});
  s.key("gather", &RaceConfig::gather,
        {.help = "While most queries are raced, they may wait this long to share one order datagram; costs "
                 "no client anything, as the instant counts from the receipt; a tenth of the delay at most; "
                 "0: never",
         .least = "0s",
         .most = "10ms"});
  s.key("sources", &RaceConfig::sources,
        {.help =
             "Where it is kept which slaves' packets arrive with a service's address as their source; "
             R"(absent: services with mode "auto" are delegated after each restart, until they are checked )"
             "again",
         .example = R"("/var/lib/flagfall/sources.json")"});
  return s;
}

config::Schema<GuardConfig> guard_schema() {
  const std::string most = "1000000";
  config::Schema<GuardConfig> s;
  s.choice("unverified", &GuardConfig::unverified,
           {{"budget", GuardOptions::Unverified::budget}, {"never", GuardOptions::Unverified::never}},
           {.help = "Clients without a valid DNS cookie race within the budget below, or never"});
  s.key("prefix_v4", &GuardConfig::prefix_v4,
        {.help = "IPv4 bits of a client network", .least = "8", .most = "32"});
  s.key("prefix_v6", &GuardConfig::prefix_v6,
        {.help = "IPv6 bits of a client network", .least = "16", .most = "128"});
  s.key("rate", &GuardConfig::rate,
        {.help = "Races a second, all unverified clients", .least = "0", .most = most});
  s.key("burst", &GuardConfig::burst, {.help = "And at once", .least = "1", .most = most});
  s.key("prefix_rate", &GuardConfig::prefix_rate,
        {.help = "Races a second, one unverified client network", .least = "0", .most = most});
  s.key("prefix_burst", &GuardConfig::prefix_burst, {.help = "And at once", .least = "1", .most = most});
  s.key("verified_rate", &GuardConfig::verified_rate,
        {.help = "Races a second, all clients with a valid DNS cookie; web clients have as much again, all "
                 "their front ends together",
         .least = "0",
         .most = most});
  s.key("verified_burst", &GuardConfig::verified_burst, {.help = "And at once", .least = "1", .most = most});
  s.key(
      "verified_prefix_rate", &GuardConfig::verified_prefix_rate,
      {.help = "Races a second, one network of clients with a valid DNS cookie", .least = "0", .most = most});
  s.key("verified_prefix_burst", &GuardConfig::verified_prefix_burst,
        {.help = "And at once", .least = "1", .most = most});
  return s;
}

config::Schema<delay::Follow> follow_schema() {
  using delay::Follow;
  config::Schema<Follow> s;
  s.key("on_time", &Follow::on_time,
        {.help = "Share of races in which every slave that counts shall be on time; 1: the delay is longer "
                 "than the largest that was needed lately, plus the clocks' bound",
         .least = "0.5",
         .most = "1"});
  s.key("nearest", &Follow::nearest,
        {.help = "Only so many slaves count, the nearest; farther ones may be late; absent: all count",
         .least = "1",
         .most = std::to_string(kMostRunners),
         .example = "3"});
  s.key("at_least", &Follow::at_least, {.help = "It is never shorter", .least = "100us", .most = "5s"});
  s.key("at_most", &Follow::at_most,
        {.help = "It is never longer, and starts with this", .least = "100us", .most = "5s"});
  s.check([](const Follow& c, const Where& where) {
    if (c.at_least > c.at_most)
      where.error("at_least", fmt::format("{} is more than at_most, {}", config::to_string(c.at_least),
                                          config::to_string(c.at_most)));
  });
  return s;
}

config::Schema<VerdictConfig> verdict_schema() {
  config::Schema<VerdictConfig> s;
  s.key(
      "icmp", &VerdictConfig::icmp,
      {.help = "Learn who won from the ICMP errors that clients' hosts send to answers that came too late"});
  s.key("certain_within", &VerdictConfig::certain_within,
        {.help = "An error that comes so soon after the query makes a verdict certain, as no client of yours "
                 "has given up by then (unbound may after 50 ms); later ones make it likely",
         .least = "1ms",
         .most = "1s"});
  s.key("teach", &VerdictConfig::teach,
        {.help = "Share of races that are run with few slaves, drawn, so that their errors are within what a "
                 "client's host sends; such a race may miss the client's nearest slave; 0: none",
         .least = "0",
         .most = "1"});
  s.key("runners", &VerdictConfig::runners, {.help = "Slaves in such a race", .least = "2", .most = "3"});
  s.key("races", &VerdictConfig::races,
        {.help = "Races remembered at once, each for 3 s; about 600 octets each, set aside at the start",
         .least = "16",
         .most = "1000000"});
  return s;
}

config::Schema<DirectorConfig> director_schema() {
  using C = DirectorConfig;
  config::Schema<C> s;
  s.key("coarsest_v4", &C::coarsest_v4,
        {.help = "Bits of an IPv4 client network that nothing is known of", .least = "8", .most = "32"});
  s.key("finest_v4", &C::finest_v4,
        {.help = "Parts of it that differ are bound by themselves, down to so many bits",
         .least = "8",
         .most = "32"});
  s.key("coarsest_v6", &C::coarsest_v6, {.help = "The same for IPv6", .least = "16", .most = "128"});
  s.key("finest_v6", &C::finest_v6, {.help = "The same for IPv6", .least = "16", .most = "128"});
  s.key("verdicts", &C::verdicts, {.help = "So much evidence binds a network", .least = "1", .most = "100"});
  s.key("share", &C::share, {.help = "When this share of it is for one server", .least = "0.5", .most = "1"});
  s.key("sample", &C::sample,
        {.help = "Share of the requests of bound networks that is raced again", .least = "0", .most = "1"});
  s.key("remember", &C::remember, {.help = "Older evidence is forgotten", .least = "10s", .most = "720h"});
  s.key("forget", &C::forget,
        {.help = "A network that nobody asks from is forgotten after this", .least = "1m", .most = "8760h"});
  s.key("hysteresis", &C::hysteresis,
        {.help = "Another server must be better by this share", .least = "0", .most = "1"});
  s.key("least_gain", &C::least_gain, {.help = "And by this, in time", .least = "0s", .most = "1s"});
  s.key("clusters", &C::clusters,
        {.help = "Client networks remembered at most, for each service; beyond it those that matter least go",
         .least = "1000",
         .most = "10000000"});
  s.key("client_subnet", &C::client_subnet,
        {.help = "Answer for the client subnet that a resolver tells (RFC 7871), not for the resolver"});
  s.key("unique_names", &C::unique_names,
        {.help =
             "Names one label below this one are asked for once each, as pages make them up: who fetches one "
             "from this master's [http] or [https] is a client of the resolver that asked for it; empty: "
             "nobody is looked for behind resolvers",
         .example = R"("u.example.test")"});
  s.key("resolvers", &C::resolvers,
        {.help = "Resolvers whose clients are remembered at most; the longest unheard one goes",
         .least = "100",
         .most = "1000000"});
  s.key("ping_every", &C::ping_every,
        {.help =
             "Between two pings of a client network, by each slave, while its clients ask: for the policies "
             "\"ping\" and \"composite\"; slaves remember results for collect.ping_keep",
         .least = "1s",
         .most = "1h"});
  s.section("shed", &C::shed, director::shed_schema(), "Servers that are over their capacity");
  s.section("store", &C::store, director::store_schema(), "Where bindings are kept");
  s.check([](const C& c, const Where& where) {
    if (c.coarsest_v4 > c.finest_v4) where.error("finest_v4", "is less than coarsest_v4");
    if (c.coarsest_v6 > c.finest_v6) where.error("finest_v6", "is less than coarsest_v6");
  });
  return s;
}

config::Schema<ServiceConfig> service_schema() {
  config::Schema<SlaveConfig> slave;
  slave.key("name", &SlaveConfig::name,
            {.help = "The name in the slave's certificate", .required = true, .example = R"("fra")"});
  slave.key("answers", &SlaveConfig::answers,
            {.help = "What this slave answers with: its own content addresses; not for [service.udp]"});
  slave.section("capacity", &SlaveConfig::capacity, director::capacity_schema(), "What its server can take");
  slave.key("site", &SlaveConfig::site, {.help = "Where its content server is", .example = R"("fra")"});
  slave.list("border", &SlaveConfig::borders, director::border_answers_schema(),
             {.help = "Addresses of the same server that stand for a way out of the network"});
  slave.key(
      "location", &SlaveConfig::location,
      {.help = "Where redirects to this server lead: {scheme}, {host} and {path} (with the query) are the "
               "request's",
       .example = R"("{scheme}://fra.example.test{path}")"});
  slave.check([](const SlaveConfig& c, const Where& where) {
    if (c.answers.size() > 16) where.error("answers", "at most 16 addresses");
  });

  config::Schema<ServiceConfig> s;
  s.key("name", &ServiceConfig::name,
        {.help = "For logs, statistics and commands", .required = true, .example = R"("web")"});
  s.key("names", &ServiceConfig::names,
        {.help = "DNS names that are raced; wildcards allowed; each needs address records in its zone, of "
                 "every family that slaves have answers of, for "
                 "when there is no race",
         .example = R"(["www.example.test"])"});
  s.value_or_table(
      "delay", &ServiceConfig::delay, follow_schema(),
      {.help = "From the timestamp to the instant: fixed, and more than the slowest way from here "
               "to a slave that shall race; or a table, and it follows what the slaves report",
       .least = "100us",
       .most = "5s",
       .example = R"("25ms" or { on_time = 0.99, at_most = "80ms" })"});
  s.choice("late", &ServiceConfig::late, {{"send", wire::LatePolicy::send}, {"drop", wire::LatePolicy::drop}},
           {.help = R"(What a slave does with an order that comes after its instant; with "drop", who asks )"
                    "again within 6 s is "
                    "answered by the master, whatever retry_window says"});
  s.key("ttl", &ServiceConfig::ttl,
        {.help = "TTL of raced answers, in seconds", .least = "0", .most = "86400"});
  s.choice(
      "mode", &ServiceConfig::mode,
      {{"race", ServiceConfig::Mode::race},
       {"shadow", ServiceConfig::Mode::shadow},
       {"delegate", ServiceConfig::Mode::delegate},
       {"auto", ServiceConfig::Mode::automatic}},
      {.help =
           R"("shadow": races are ordered and timed, but slaves send nothing, and every client gets )"
           R"(the master's ordinary answer at once; "delegate": the slaves are the name servers of `zone` )"
           R"(and answer by themselves; "auto": that, until it is known that packets of all slaves arrive )"
           R"(with the service's addresses as their source, then "race")"});
  s.key("zone", &ServiceConfig::zone,
        {.help = R"(With "delegate" and "auto": what is delegated to the slaves, with all of `names` in it)",
         .example = R"("cdn.example.test")"});
  s.value_or_table(
      "winner_beacon", &ServiceConfig::winner_beacon, beacon_sample_schema(),
      {.help =
           R"(Which races' answers lead through a name of the winner's own, so that it learns that it has )"
           R"(won: "off", "unknown" (those of client networks without a verdict in the last hour) or a share)",
       .example = R"("unknown" or { sample = 0.01 })"});
  s.key(
      "race_share", &ServiceConfig::race_share,
      {.help = "This share of the queries that could be raced is, drawn by lot for each; the others get the "
               "master's ordinary answer",
       .least = "0",
       .most = "1",
       .example = "0.05"});
  s.key("answers", &ServiceConfig::answers,
        {.help = "Servers in an ordinary answer of the director, the best one first",
         .least = "1",
         .most = std::to_string(director::Order::kMost)});
  s.key("ttl_learning", &ServiceConfig::ttl_learning,
        {.help = "TTL of the director's answers to networks that it knows too little of, in seconds",
         .least = "0",
         .most = "86400"});
  s.key("ttl_bound", &ServiceConfig::ttl_bound,
        {.help = "To those that it knows", .least = "0", .most = "86400"});
  s.key("ttl_fallback", &ServiceConfig::ttl_fallback,
        {.help = "While no server is fit", .least = "0", .most = "86400"});
  s.section("director", &ServiceConfig::director, director::policy_schema(),
            "How the requests of this service are answered; without policies every one is raced");
  s.section("http", &ServiceConfig::http, service_http_schema(), "Which web requests are redirected");
  s.section("rtsp", &ServiceConfig::rtsp, service_rtsp_schema(), "Which RTSP requests are redirected");
  s.section("udp", &ServiceConfig::udp, service_udp_schema(),
            "A service of datagrams of any protocol, in place of DNS names");
  s.list("slave", &ServiceConfig::slaves, slave, {.help = "Who races for this service", .required = true});
  return s;
}

}  // namespace

config::Schema<Config> schema() {
  config::Schema<ZoneConfig> zone;
  zone.key("origin", &ZoneConfig::origin,
           {.help = "The zone's name", .required = true, .example = R"("example.test")"});
  zone.key("file", &ZoneConfig::file,
           {.help = "Its zone file (RFC 1035)", .required = true, .example = R"("example.test.zone")"});

  config::Schema<CookieConfig> cookies;
  cookies.key("secrets", &CookieConfig::secrets,
              {.help = "Secrets of DNS cookies, shared by all masters; absent: a random one until restart"});
  cookies.key("require", &CookieConfig::require,
              {.help = "Answer BADCOOKIE to clients that send a cookie without our part of it"});

  config::Schema<AdminConfig> admin = daemon::admin_schema<AdminConfig>(kAdminPort);
  admin.key(
      "audit", &AdminConfig::audit,
      {.help = "Every operator's command is appended to this file, a line of JSON each; they are in the "
               "log in any case",
       .example = R"("/var/log/flagfall/audit.jsonl")"});
  admin.key("report_token_file", &AdminConfig::report_token_file,
            {.help = "A file with another token, for `flagfall race --report` on client machines: it opens "
                     "POST /client-report and nothing else"});

  config::Schema<Config> s;
  s.section("log", &Config::log, daemon::log_schema());
  s.section("dns", &Config::dns, dns_schema(), "The DNS service");
  s.section("http", &Config::http, http_schema(), "Redirects of web clients");
  s.section("https", &Config::https, https_schema(), "The same over TLS; bounded as [http] says");
  s.section("rtsp", &Config::rtsp, rtsp_schema(), "Redirects of RTSP clients; bounded as [http] says");
  s.section("udp", &Config::udp, udp_schema(), "Services of datagrams ([service.udp])");
  s.list("zone", &Config::zones, zone, {.help = "What this master is authoritative for", .required = true});
  s.section("cookies", &Config::cookies, cookies, "DNS cookies (RFC 7873, RFC 9018)");
  s.section("control", &Config::control, control_schema(), "Sessions with the slaves, and orders to them");
  s.section("clock", &Config::clock, clocksync::clock_schema(clocksync::Role::master), "Reference time");
  s.section("race", &Config::race, race_schema());
  s.section("guard", &Config::guard, guard_schema(), "What keeps races from being an amplifier");
  s.section("verdicts", &Config::verdicts, verdict_schema(), "Who won a race (docs/design/who-won.md)");
  s.section("director", &Config::director, director_schema(), "What races teach is remembered");
  s.section("stats", &Config::stats, stats_schema(), "Winning-server statistics");
  s.section("admin", &Config::admin, admin, "For operators");
  s.list("slave", &Config::slaves, name_server_schema(),
         {.help = "Slaves that are name servers of their own, for beacons and delegated services"});
  s.list("site", &Config::sites, director::site_schema(), {.help = "Where servers and borders are"});
  s.list("internal", &Config::internal, director::internal_schema(),
         {.help = "Ways between sites, inside the network"});
  s.section("paths", &Config::paths, director::path_schema(), "How paths through borders are measured");
  s.section("geo", &Config::geo, director::geo_schema(), "Where clients are");
  s.list("service", &Config::services, service_schema(), {.help = "What is raced"});
  s.check(check_all);
  return s;
}

std::vector<std::string> slave_names(const Config& config) {
  std::set<std::string> names;
  for (const ServiceConfig& service : config.services)
    for (const SlaveConfig& slave : service.slaves) names.insert(slave.name);
  for (const director::SiteConfig& site : config.sites)
    for (const director::BorderConfig& border : site.borders)
      if (!border.pinger.empty()) names.insert(border.pinger);
  return {names.begin(), names.end()};
}

int zone_of(const Config& config, const std::string& name) {
  int best = -1;
  for (std::size_t i = 0; i < config.zones.size(); ++i) {
    const std::string& origin = config.zones[i].origin;
    if (!dns::name_in_zone(name, origin).ok() || !*dns::name_in_zone(name, origin)) continue;
    // Of two zones that hold the name, one holds the other.
    if (best < 0 || *dns::name_in_zone(origin, config.zones[static_cast<std::size_t>(best)].origin))
      best = static_cast<int>(i);
  }
  return best;
}

Nanos first_delay(const DelayConfig& delay) {
  const auto* const follow = std::get_if<delay::Follow>(&delay);
  return follow != nullptr ? follow->at_most : std::get<Nanos>(delay);
}

Nanos gather_time(const Config& config, Nanos shortest_delay) {
  // With "dequeue" the waiting would be added to the race.
  if (config.race.timestamp == RaceOptions::Timestamp::dequeue) return Nanos(0);
  return std::min(config.race.gather, shortest_delay / 10);
}

dns::RateLimit::Options rate_limit(const Config& config) {
  return {.network = {config.dns.rate, config.dns.burst},
          .slip = config.dns.slip,
          .prefix_v4 = config.guard.prefix_v4,
          .prefix_v6 = config.guard.prefix_v6};
}

std::vector<IpAddress> order_sources(const Config& config) {
  std::vector<IpAddress> out;
  for (const Endpoint& at : config.control.listen.all) out.push_back(at.ip);
  return out;
}

RaceOptions race_options(const Config& config) {
  const GuardConfig& g = config.guard;
  RaceOptions out;
  out.timestamp = config.race.timestamp;
  out.retry_window = config.race.retry_window;
  out.max_slaves = config.race.max_slaves;
  out.guard.unverified = g.unverified;
  out.guard.prefix_v4 = g.prefix_v4;
  out.guard.prefix_v6 = g.prefix_v6;
  out.guard.total = {g.rate, g.burst};
  out.guard.prefix = {g.prefix_rate, g.prefix_burst};
  out.guard.verified_total = {g.verified_rate, g.verified_burst};
  out.guard.verified_prefix = {g.verified_prefix_rate, g.verified_prefix_burst};
  out.any_shadow = std::ranges::any_of(
      config.services, [](const ServiceConfig& s) { return s.mode == ServiceConfig::Mode::shadow; });
  out.teach = {config.verdicts.icmp ? config.verdicts.teach : 0, config.verdicts.runners};
  return out;
}

}  // namespace flagfall::master
