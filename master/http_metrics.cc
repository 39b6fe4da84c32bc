#include "master/http_metrics.hh"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace flagfall::master {
namespace {

double number(std::uint64_t n) {
  return static_cast<double>(n);
}

std::uint64_t open(const HttpLoop& http) {
  const std::uint64_t closed = http.counters().closed.get();  // before those that were accepted
  const std::uint64_t accepted = http.counters().accepted.get();
  return accepted - std::min(closed, accepted);
}

template <class F>
void for_each_event(const HttpLoop& http, F&& f) {
  const HttpCounters& c = http.requests();
  f("requests", c.requests);
  f("refused", c.refused);
  f("bound", c.bound);
  f("learning", c.learning);
  f("raced", c.raced);
  f("nobody_fit", c.nobody_fit);
  f("unknown_host", c.unknown_host);
  f("unique_names", c.unique);
  if (http.racing() != nullptr) {
    http.racing()->counters().for_each_kind(f);
    http.racing()->counters().for_each_end(f);
    f("acknowledgements_lost", http.racing()->packets_lost());
  }
  http.counters().for_each(f);
}

}  // namespace

nlohmann::json http_json(const HttpLoop& http) {
  nlohmann::json out{{"raced_here", http.racing() != nullptr}, {"open", open(http)}};
  for_each_event(http, [&out](const char* name, const Counter& counter) { out[name] = counter.get(); });
  return out;
}

namespace {

void add_one(metrics::Families& out, const HttpLoop& http, const Config& config) {
  const std::string scheme(name_of(http.scheme()));
  const HttpCounters& c = http.requests();
  for (const int status : kHttpStatuses)
    out.counter("flagfall_http_answers_total", "Answers to web clients, by status", number(c.answers(status)),
                {{"scheme", scheme}, {"status", std::to_string(status)}});
  const auto event = [&](const char* name, const Counter& counter) {
    out.counter("flagfall_http_events_total", "Of web clients and their connections", number(counter.get()),
                {{"scheme", scheme}, {"event", name}});
  };
  for_each_event(http, event);
  out.gauge("flagfall_http_connections_open", "Connections of web clients", number(open(http)),
            {{"scheme", scheme}});
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    const ServiceConfig& service = config.services[s];
    if ((http.scheme() == WebScheme::rtsp ? service.rtsp.hosts : service.http.hosts).empty()) continue;
    for (std::size_t i = 0; i < service.slaves.size() && i < director::kMostServers; ++i)
      out.counter("flagfall_http_redirects_total", "Redirects to a server of a service",
                  number(http.led(s, static_cast<director::ServerIndex>(i))),
                  {{"scheme", scheme}, {"service", service.name}, {"server", service.slaves[i].name}});
  }
}

}  // namespace

void add_http(metrics::Families& out, const std::vector<std::unique_ptr<HttpLoop>>& web,
              const Config& config) {
  for (const auto& one : web) add_one(out, *one, config);
}

}  // namespace flagfall::master
