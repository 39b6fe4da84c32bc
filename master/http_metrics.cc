#include "master/http_metrics.hh"

#include <algorithm>

namespace flagfall::master {
namespace {

double number(std::uint64_t n) {
  return static_cast<double>(n);
}

}  // namespace

void add_http(metrics::Families& out, const HttpLoop& http, const Config& config) {
  const HttpCounters& c = http.requests();
  for (const int status : kHttpStatuses)
    out.counter("flagfall_http_answers_total", "Answers to web clients, by status", number(c.answers(status)),
                {{"status", std::to_string(status)}});
  const auto event = [&](const char* name, const Counter& counter) {
    out.counter("flagfall_http_events_total", "Of web clients and their connections", number(counter.get()),
                {{"event", name}});
  };
  event("requests", c.requests);
  event("refused", c.refused);
  event("bound", c.bound);
  event("learning", c.learning);
  event("nobody_fit", c.nobody_fit);
  event("unknown_host", c.unknown_host);
  const HttpLoopCounters& loop = http.counters();
  loop.for_each(event);
  const std::uint64_t closed = loop.closed.get();  // before those that were accepted
  out.gauge("flagfall_http_connections_open", "Connections of web clients",
            number(loop.accepted.get() - std::min(closed, loop.accepted.get())));
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    const ServiceConfig& service = config.services[s];
    if (service.http.hosts.empty()) continue;
    for (std::size_t i = 0; i < service.slaves.size() && i < director::kMostServers; ++i)
      out.counter("flagfall_http_redirects_total", "Redirects to a server of a service",
                  number(http.led(s, static_cast<director::ServerIndex>(i))),
                  {{"service", service.name}, {"server", service.slaves[i].name}});
  }
}

}  // namespace flagfall::master
