#include "master/director_metrics.hh"

#include <algorithm>
#include <utility>

namespace flagfall::master {
namespace {

using Labels = metrics::Families::Labels;

double flag(bool yes) {
  return yes ? 1 : 0;
}
template <class N>
double number(N n) {
  return static_cast<double>(n);
}

void add_service(metrics::Families& out, const DirectorMetrics& source, std::size_t s) {
  const director::ServiceDirector& director = *source.desk.of(s);
  const ServiceConfig& service = source.desk.config().services[s];
  const DirectorCensus::Service& census = source.census.at(s);
  const Labels label{{"service", service.name}};
  const auto with = [&](const char* name, std::string_view value) {
    Labels more = label;
    more.emplace_back(name, value);
    return more;
  };
  out.gauge("flagfall_director_clusters", "Client networks that are known", number(director.book().size()),
            label);
  out.gauge("flagfall_director_clusters_limit", "And at most (director.clusters)",
            number(director.options().book.most), label);
  out.gauge("flagfall_director_learning", "Of them, not bound yet", number(census.learning), label);
  bool any = false;
  for (std::size_t i = 0; i < director.servers() && i < census.bound.size(); ++i) {
    const std::string why = source.desk.why_not(service.slaves[i].name);
    any = any || why.empty();
    Labels server = with("slave", service.slaves[i].name);
    out.gauge("flagfall_director_server_fit", "1 while clients may be sent to the server", flag(why.empty()),
              server);
    out.gauge("flagfall_director_alarm",
              "1 while the server has become worse for many networks at once: theirs are raced more often",
              flag((director.alarmed() & director::bit(static_cast<director::ServerIndex>(i))) != 0), server);
    for (std::size_t cause = 0; cause < director::kCauseNames.size(); ++cause) {
      if (static_cast<director::Cause>(cause) == director::Cause::learning) continue;
      Labels more = server;
      more.emplace_back("reason", director::kCauseNames.at(cause));
      out.gauge("flagfall_director_bindings", "Client networks that are bound to the server, by why",
                number(census.bound[i].at(cause)), more);
    }
  }
  out.gauge("flagfall_director_nobody_fit", "1 while all_down decides what is answered", flag(!any), label);
  const director::BookCounters& c = director.book().counters();
  for (std::size_t kind = 0; kind < director::kKindNames.size(); ++kind) {
    const Labels more = with("kind", director::kKindNames.at(kind));
    out.counter("flagfall_director_evidence_total", "Evidence that was taken", number(c.taken.at(kind).get()),
                more);
    out.counter("flagfall_director_evidence_refused_total", "Evidence that makes no sense",
                number(c.not_taken.at(kind).get()), more);
  }
  out.counter("flagfall_director_ties_total", "Races won by no more than clocks may err",
              number(c.ties.get()), label);
  for (const auto& [name, count] : {std::pair{"bound", c.bound.get()},
                                    {"rebound", c.rebound.get()},
                                    {"split", c.split.get()},
                                    {"merged", c.merged.get()},
                                    {"aged", c.aged.get()},
                                    {"evicted", c.evicted.get()}})
    out.counter("flagfall_director_changes_total", "Changes of the table", number(count),
                with("change", name));
}

void add_store(metrics::Families& out, const DirectorKeeper& keeper) {
  if (!keeper.keeps()) return;
  const store::Health health = keeper.health();
  out.gauge("flagfall_director_store_up", "1 while bindings are kept, and shared where they are to be",
            flag(health.opened && health.why_not.empty()));
  out.gauge("flagfall_director_store_waiting", "Changes that wait to be written", number(health.waiting));
  out.counter("flagfall_director_store_kept_total", "Changes that are written", number(health.kept));
  out.counter("flagfall_director_store_not_kept_total", "Changes that found no room while it was down",
              number(health.not_kept));
  out.counter("flagfall_director_store_failures_total", "Tries to write or read that failed",
              number(health.failures));
  out.counter("flagfall_director_store_wrong_total", "Records that were read and make no sense",
              number(health.wrong));
}

}  // namespace

void PingTally::ordered(const std::string& slave, std::size_t pings) {
  counts_[slave].at(static_cast<std::size_t>(Fate::ordered)) += pings;
}

void PingTally::heard(const std::string& slave, const wire::Evidence& evidence) {
  for (const wire::PingResult& ping : evidence.pings) {
    const Fate fate = ping.fate == wire::PingResult::Fate::silent    ? Fate::silent
                      : ping.fate == wire::PingResult::Fate::refused ? Fate::refused
                                                                     : Fate::answered;
    ++counts_[slave].at(static_cast<std::size_t>(fate));
  }
}

void add_director(metrics::Families& out, const DirectorMetrics& source) {
  const auto& services = source.desk.config().services;
  bool any = false;
  for (std::size_t s = 0; s < services.size(); ++s) {
    if (source.desk.of(s) == nullptr) continue;
    any = true;
    add_service(out, source, s);
  }
  if (!any) return;
  out.gauge("flagfall_director_drained", "Servers that operators have drained",
            number(source.desk.drained().size()));
  for (const auto& [slave, counts] : source.pings.counts())
    for (std::size_t fate = 0; fate < counts.size(); ++fate)
      out.counter("flagfall_director_pings_total", "Pings of clients, by what became of them",
                  number(counts.at(fate)),
                  {{"slave", slave}, {"fate", std::string(PingTally::kFates.at(fate))}});
  if (const ClientDesk* const clients = source.desk.clients()) {
    out.gauge("flagfall_director_resolvers", "Resolvers whose clients are known",
              number(clients->clients().size()));
    clients->for_each([&](const char* name, const Counter& c) {
      out.counter("flagfall_director_clients_total",
                  "Unique names and clients behind resolvers, by what became of them", number(c.get()),
                  {{"event", name}});
    });
  }
  add_store(out, source.keeper);
}

}  // namespace flagfall::master
