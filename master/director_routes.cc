#include "master/director_routes.hh"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace flagfall::master {
namespace {

using director::Binding;
using director::Cause;
using director::Kind;
using nlohmann::json;

net::AdminReply done(json body = json::object()) {
  body["done"] = true;
  return {200, body.dump(-1, ' ', true)};
}

double seconds(Nanos t) {
  return static_cast<double>(t.count()) * 1e-9;
}

const std::string* text(const json& object, const char* name) {
  const auto at = object.find(name);
  return at == object.end() || !at->is_string() ? nullptr : at->get_ptr<const std::string*>();
}

Result<json> object_of(const net::AdminRequest& request) {
  auto body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) return Error{"the body is no JSON object"};
  return body;
}

json value_or_null(double value, double scale = 1) {
  return value > 0 ? json(value * scale) : json();
}

/// An address as the prefix that is only itself.
Result<Prefix> prefix_of(const std::string& text) {
  if (text.find('/') != std::string::npos) return parse_prefix(text);
  const auto ip = parse_ip(text);
  if (!ip) return Error{ip.error()};
  return Prefix{*ip, static_cast<std::uint8_t>(ip->size() * 8)};
}

}  // namespace

void DirectorRoutes::add_to(net::AdminServer& server) {
  using Request = net::AdminRequest;
  server.get("/bindings", [this](const Request& r) { return bindings(r); });
  server.get("/explain", [this](const Request& r) { return explain(r); });
  server.post("/bind", [this](const Request& r) { return bind(r); });
  server.post("/unbind", [this](const Request& r) { return unbind(r); });
  server.post("/bindings", [this](const Request& r) { return import(r); });
  server.post("/drain", [this](const Request& r) { return drain(r, true); });
  server.post("/undrain", [this](const Request& r) { return drain(r, false); });
}

Result<std::size_t> DirectorRoutes::service(const std::string* name) const {
  std::vector<std::string> names;
  std::optional<std::size_t> found;
  const auto& services = desk_.config().services;
  for (std::size_t s = 0; s < services.size(); ++s) {
    if (desk_.of(s) == nullptr) continue;
    names.push_back(services[s].name);
    if (name == nullptr || *name == services[s].name) found = s;
  }
  if (names.empty()) return Error{"no service has a director: give one [service.director] policies"};
  if (name == nullptr && names.size() > 1)
    return Error{fmt::format("which service? there are: {}", fmt::join(names, ", "))};
  if (!found)
    return Error{
        fmt::format("no service '{}' with a director; there are: {}", *name, fmt::join(names, ", "))};
  return *found;
}

json DirectorRoutes::names(std::size_t service, const director::Order& order) const {
  json out = json::array();
  for (const director::ServerIndex server : order.all()) out.push_back(desk_.name(service, server));
  return out;
}

json DirectorRoutes::binding_json(std::size_t service, const Binding& b) const {
  const MonoTime now = clock_.mono();
  const double real = seconds(clock_.real().time_since_epoch());
  return {{"service", desk_.config().services[service].name},
          {"prefix", to_string(b.prefix)},
          {"servers", names(service, b.order)},
          {"group", b.order.group},
          {"cause", director::kCauseNames.at(static_cast<std::size_t>(b.reason.cause))},
          {"kind", director::kKindNames.at(static_cast<std::size_t>(b.reason.kind))},
          {"agreeing", b.reason.agreeing},
          {"pieces", b.reason.pieces},
          {"advantage", b.reason.advantage},
          {"text", director::to_text(b.reason)},
          {"since", real - seconds(now - b.since)},
          {"renewed", real - seconds(now - b.renewed)}};
}

json DirectorRoutes::status() const {
  json services = json::array();
  const auto& counted = census();
  for (std::size_t s = 0; s < desk_.config().services.size(); ++s) {
    const director::ServiceDirector* const director = desk_.of(s);
    if (director == nullptr) continue;
    json counters = json::object();
    director->book().counters().for_each(
        [&](const char* name, const Counter& c) { counters[name] = c.get(); });
    json servers = json::array();
    const DirectorCensus::Service& census = counted.at(s);
    for (std::size_t i = 0; i < director->servers(); ++i) {
      const auto server = static_cast<director::ServerIndex>(i);
      const std::string why = desk_.why_not(desk_.name(s, server));
      servers.push_back({{"server", desk_.name(s, server)},
                         {"bound", census.of(server)},
                         {"fit", why.empty()},
                         {"why_not", why.empty() ? json() : json(why)}});
    }
    json policies = json::array();
    for (const director::Policy policy : director->options().policies)
      policies.push_back(director::name_of(policy));
    const director::Shedder& shedder = director->shedder();
    json shed{{"away", shedder.away().size()}};
    shedder.counters().for_each([&](const char* name, const Counter& c) { shed[name] = c.get(); });
    services.push_back({{"service", desk_.config().services[s].name},
                        {"policies", policies},
                        {"clusters", director->book().size()},
                        {"clusters_limit", director->options().book.most},
                        {"learning", census.learning},
                        {"servers", servers},
                        {"counters", counters},
                        {"shed", shed}});
  }
  if (services.empty()) return {};
  const store::Health health = keeper_.health();
  json kept{{"enabled", keeper_.keeps()},
            {"opened", health.opened},
            {"why_not", health.why_not.empty() ? json() : json(health.why_not)},
            {"waiting", health.waiting},
            {"kept", health.kept},
            {"not_kept", health.not_kept},
            {"failures", health.failures},
            {"wrong", health.wrong},
            {"foreign", keeper_.foreign()}};
  json out{{"services", services}, {"drained", desk_.drained()}, {"store", kept}};
  if (const ClientDesk* const clients = desk_.clients()) {
    json& told = out["clients"];
    told["resolvers"] = clients->clients().size();
    clients->for_each([&](const char* name, const Counter& c) { told[name] = c.get(); });
  }
  return out;
}

net::AdminReply DirectorRoutes::bindings(const net::AdminRequest& request) const {
  const std::string* const wanted = request.parameter("service");
  const std::string* const server = request.parameter("server");
  const std::string* const cause = request.parameter("cause");
  const std::string* const after = request.parameter("after");
  std::optional<Prefix> inside;
  if (const std::string* const p = request.parameter("prefix")) {
    const auto parsed = prefix_of(*p);
    if (!parsed) return net::admin_error(400, parsed.error());
    inside = *parsed;
  }
  std::size_t limit = kMostBindings;
  if (const std::string* const n = request.parameter("limit")) {
    const auto [end, error] = std::from_chars(n->data(), n->data() + n->size(), limit);
    if (error != std::errc() || end != n->data() + n->size() || limit == 0)
      return net::admin_error(400, "limit is a number above 0");
    limit = std::min(limit, kMostBindings);
  }
  if (wanted != nullptr)
    if (const auto known = service(wanted); !known) return net::admin_error(404, known.error());

  // In the order of services and prefixes; `after` is the place of the last one that was given.
  std::vector<std::pair<std::pair<std::size_t, Prefix>, Binding>> all;
  std::pair<std::size_t, Prefix> from{0, {}};
  if (after != nullptr) {
    const std::size_t colon = after->find(' ');
    const auto [end, error] =
        std::from_chars(after->data(), after->data() + std::min(colon, after->size()), from.first);
    const auto prefix = colon == std::string::npos ? Result<Prefix>(Error{"no cursor of ours"})
                                                   : parse_prefix(std::string_view(*after).substr(colon + 1));
    if (error != std::errc() || !prefix)
      return net::admin_error(400, "after is no cursor that was given here");
    from.second = *prefix;
  }
  const auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
  // A page of a million bindings does not copy them all.
  const auto first = [&](std::size_t count) {
    if (count >= all.size()) return;
    std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(), less);
    all.resize(count);
  };
  for (std::size_t s = 0; s < desk_.config().services.size(); ++s) {
    const director::ServiceDirector* const director = desk_.of(s);
    if (director == nullptr || (wanted != nullptr && *wanted != desk_.config().services[s].name)) continue;
    const auto index = server != nullptr ? desk_.server(s, *server) : std::nullopt;
    if (server != nullptr && !index) continue;
    director->book().for_each([&](const Binding& b) {
      const std::pair key{s, b.prefix};
      if (after != nullptr && key <= from) return;
      if (index && (b.order.empty() || b.order.best() != *index)) return;
      if (cause != nullptr && director::kCauseNames.at(static_cast<std::size_t>(b.reason.cause)) != *cause)
        return;
      if (inside && !(inside->length <= b.prefix.length && inside->contains(b.prefix.ip)) &&
          !(b.prefix.length <= inside->length && b.prefix.contains(inside->ip)))
        return;
      all.emplace_back(key, b);
      if (all.size() > 2 * limit) first(limit + 1);
    });
  }
  const bool more = all.size() > limit;
  if (more) first(limit);
  std::sort(all.begin(), all.end(), less);
  json out{{"bindings", json::array()}, {"more", nullptr}};
  for (const auto& [key, b] : all) out["bindings"].push_back(binding_json(key.first, b));
  if (more) out["more"] = fmt::format("{} {}", all.back().first.first, to_string(all.back().first.second));
  return {200, out.dump(-1, ' ', true)};
}

json DirectorRoutes::explain_json(std::size_t s, const IpAddress& address) const {
  const director::ServiceDirector& director = *desk_.of(s);
  const director::Explanation e = director.explain(address);
  json out{{"service", desk_.config().services[s].name},
           {"cluster", e.known ? json(to_string(e.cluster.prefix)) : json()},
           {"action", e.decision.race ? "race" : "answer"},
           {"servers", names(s, e.decision.order)},
           {"reason", e.known ? director::to_text(e.cluster.reason) : "no cluster holds this address yet"},
           {"scope", e.decision.scope},
           {"candidates", json::array()},
           {"recent", json::array()},
           {"policies", json::array()}};
  for (std::size_t i = 0; i < director.servers(); ++i) {
    const auto server = static_cast<director::ServerIndex>(i);
    const auto at = std::ranges::find(e.candidates, server, &director::Candidate::server);
    const director::Candidate c = at != e.candidates.end() ? *at : director::Candidate{.server = server};
    const std::string why = desk_.why_not(desk_.name(s, server));
    json pieces = json::object();
    for (std::size_t k = 0; k < director::kKindNames.size(); ++k)
      if (c.pieces.at(k) > 0) pieces[std::string(director::kKindNames.at(k))] = c.pieces.at(k);
    const auto value = [&](Kind kind) { return c.value.at(static_cast<std::size_t>(kind)); };
    out["candidates"].push_back({{"server", desk_.name(s, server)},
                                 {"fit", why.empty()},
                                 {"why_not", why},
                                 {"drained", desk_.drained().contains(desk_.name(s, server))},
                                 {"won", c.won},
                                 {"lost", c.lost},
                                 {"ping_ms", value_or_null(value(Kind::ping), 1e3)},
                                 {"tcp_rtt_ms", value_or_null(value(Kind::tcp_rtt), 1e3)},
                                 {"tcp_rate", value_or_null(value(Kind::tcp_rate))},
                                 {"silent", c.silent},
                                 {"pieces", pieces},
                                 {"weight", director.options().capacities[i].weight}});
  }
  if (e.known) {
    const MonoTime now = clock_.mono();
    for (const director::RecentEvidence& piece : director.book().recent(e.cluster.prefix)) {
      json against = json::array();
      for (std::size_t i = 0; i < director.servers(); ++i)
        if ((piece.losers & director::bit(static_cast<director::ServerIndex>(i))) != 0)
          against.push_back(desk_.name(s, static_cast<director::ServerIndex>(i)));
      out["recent"].push_back(
          {{"ago", seconds(now - piece.at)},
           {"kind", director::kKindNames.at(static_cast<std::size_t>(piece.kind))},
           {"server", desk_.name(s, piece.server)},
           {"value", value_or_null(piece.value)},
           {"certainty", race::kCertaintyNames.at(static_cast<std::size_t>(piece.certainty))},
           {"against", against}});
    }
  }
  if (e.shed) out["shed"] = {{"from", desk_.name(s, e.shed->from)}, {"to", desk_.name(s, e.shed->to)}};
  if (director.paths() != nullptr) {
    const std::vector<std::string> borders = director::border_names(desk_.config().sites);
    out["paths"] = json::array();
    for (const director::PathBook::Candidate& path : e.paths)
      out["paths"].push_back({{"server", desk_.name(s, path.server)},
                              {"border", borders.at(path.border)},
                              {"metric_ms", path.metric * 1e3}});
  }
  for (const director::PolicyWord& word : e.words) {
    const std::string who = word.order.empty() ? std::string() : desk_.name(s, word.order.best());
    out["policies"].push_back({{"policy", director::name_of(word.policy)},
                               {"says", who.empty() ? word.why : fmt::format("{}: {}", who, word.why)}});
  }
  return out;
}

json DirectorRoutes::clients_json(const IpAddress& address) const {
  if (desk_.clients() == nullptr) return {};
  const IpAddress resolver = desk_.clients()->resolver(address);
  const director::ResolverClients& clients = desk_.clients()->clients();
  const MonoTime now = clock_.mono();
  json networks = json::array();
  for (const director::ResolverClients::Share& one : clients.shares(resolver, now))
    networks.push_back({{"network", to_string(one.network)}, {"share", one.share}});
  if (networks.empty()) return {};
  return {{"seen", clients.weight(resolver, now)}, {"networks", networks}};
}

net::AdminReply DirectorRoutes::explain(const net::AdminRequest& request) const {
  const std::string* address = request.parameter("address");
  if (address == nullptr) address = request.parameter("prefix");
  if (address == nullptr) return net::admin_error(400, "of which client? write /explain?address=ADDRESS");
  const auto prefix = prefix_of(*address);
  if (!prefix) return net::admin_error(400, prefix.error());
  const std::string* const wanted = request.parameter("service");
  if (wanted != nullptr)
    if (const auto known = service(wanted); !known) return net::admin_error(404, known.error());
  json out{{"address", *address}, {"services", json::array()}};
  if (json behind = clients_json(prefix->ip); !behind.is_null()) out["clients"] = std::move(behind);
  for (std::size_t s = 0; s < desk_.config().services.size(); ++s)
    if (desk_.of(s) != nullptr && (wanted == nullptr || *wanted == desk_.config().services[s].name))
      out["services"].push_back(explain_json(s, prefix->ip));
  return {200, out.dump(-1, ' ', true)};
}

Status DirectorRoutes::bind(const json& wish) {
  if (!wish.is_object()) return Error{"a binding is an object"};
  const auto s = service(text(wish, "service"));
  if (!s) return Error{s.error()};
  const std::string* const where = text(wish, "prefix");
  if (where == nullptr) return Error{"\"prefix\" is missing: for whom?"};
  const auto prefix = prefix_of(*where);
  if (!prefix) return Error{prefix.error()};
  const std::string* who = text(wish, "server");
  if (const auto all = wish.find("servers");
      who == nullptr && all != wish.end() && all->is_array() && !all->empty() && all->front().is_string())
    who = all->front().get_ptr<const std::string*>();
  if (who == nullptr) return Error{"\"server\" is missing: to whom?"};
  const auto server = desk_.server(*s, *who);
  if (!server)
    return Error{fmt::format("service '{}' has no server '{}'", desk_.config().services[*s].name, *who)};
  if (!desk_.of(*s)->bind(*prefix, *server, clock_.mono()))
    return Error{fmt::format("there is no room: all {} networks of director.clusters are bound by hand",
                             desk_.config().director.clusters)};
  return Ok{};
}

net::AdminReply DirectorRoutes::bind(const net::AdminRequest& request) {
  const auto wish = object_of(request);
  if (!wish) return net::admin_error(400, wish.error());
  if (const Status bound = bind(*wish); !bound) return net::admin_error(400, bound.error());
  return done();
}

net::AdminReply DirectorRoutes::unbind(const net::AdminRequest& request) {
  const auto wish = object_of(request);
  if (!wish) return net::admin_error(400, wish.error());
  const auto s = service(text(*wish, "service"));
  if (!s) return net::admin_error(404, s.error());
  const std::string* const where = text(*wish, "prefix");
  if (where == nullptr) return net::admin_error(400, "\"prefix\" is missing: whose binding?");
  const auto prefix = prefix_of(*where);
  if (!prefix) return net::admin_error(400, prefix.error());
  // What the store has not told yet is taken back unseen.
  if (!desk_.of(*s)->unbind(*prefix, clock_.mono()) && keeper_.restored())
    return net::admin_error(404, fmt::format("nothing is bound at {} exactly", to_string(*prefix)));
  keeper_.unbound(*s, *prefix);
  return done();
}

net::AdminReply DirectorRoutes::import(const net::AdminRequest& request) {
  const auto body = object_of(request);
  if (!body) return net::admin_error(400, body.error());
  const auto all = body->find("bindings");
  if (all == body->end() || !all->is_array()) return net::admin_error(400, "\"bindings\" is missing");
  if (all->size() > kMostImport)
    return net::admin_error(413,
                            fmt::format("{} bindings are more than {} at once", all->size(), kMostImport));
  std::size_t bound = 0;
  std::string first;
  for (const json& wish : *all) {
    const Status status = bind(wish);
    bound += status ? 1 : 0;
    if (!status && first.empty()) first = status.error();
  }
  json out{{"bound", bound}, {"refused", all->size() - bound}};
  if (!first.empty()) out["first_refusal"] = first;
  return done(std::move(out));
}

net::AdminReply DirectorRoutes::drain(const net::AdminRequest& request, bool drained) {
  const auto wish = object_of(request);
  if (!wish) return net::admin_error(400, wish.error());
  const std::string* const server = text(*wish, "server");
  if (server == nullptr) return net::admin_error(400, "\"server\" is missing");
  if (!desk_.drain(*server, drained))
    return net::admin_error(404, fmt::format("no service has a server '{}'", *server));
  std::string by = to_string(request.peer);
  std::erase(by, ',');  // the store joins names by commas
  keeper_.drained(*server, drained, by);
  return done({{"server", *server}, {"drained", drained}});
}

}  // namespace flagfall::master
