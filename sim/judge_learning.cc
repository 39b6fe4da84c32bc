// The judge's view of what masters learn and remember: verdicts, whom they answer
// by what is known, an operator's word, and what survives a restart.
#include <utility>

#include "sim/dns_text.hh"
#include "sim/judge.hh"

namespace flagfall::sim {
namespace {

/// The services' names in lower-case wire form, with what stands before their type.
const std::string kWeb = std::string("\4race\7example\4test\0", 19);
const std::string kApi = std::string("\3api\7example\4test\0", 18);
const std::string kWww = std::string("\3www\7example\4test\0", 18);
constexpr std::size_t kTypeAndClass = 4;

}  // namespace

Judge::Master& Judge::of(const Host& host) {
  return *std::ranges::find(masters_, &host, &Master::host);
}

void Judge::add_directors(std::vector<std::optional<Directed>> services) {
  masters_.back().directed = std::move(services);
}

// ---- verdicts

void Judge::verdict(const Host& host, const race::FinishedRace& finished, const std::string& winner,
                    bool last) {
  const std::uint64_t id = finished.id;
  const bool by_beacon = finished.verdict->way == race::Way::beacon;
  Master& master = of(host);
  const auto race = master.races.find(id);
  if (race == master.races.end() || !asks_.holds(race->second.ask))
    return breach("verdict: {} judges a race that it did not run", host.name());
  if (last) master.beacon_tries.verdict(finished.service, finished.client.ip);
  const bool again = std::exchange(race->second.judged, true);
  if (!again) ++counters_.verdicts;
  if (!again && by_beacon) ++counters_.by_beacons;
  if (finished.verdict->certainty != race::Certainty::certain) return;
  if (!again) ++counters_.certain;
  const OrderRecord* first = nullptr;
  const OrderRecord* said = nullptr;
  for (const OrderIndex i : asks_[race->second.ask].orders) {
    const OrderRecord& o = orders_[i];
    if (o.race != id || o.master != host.id()) continue;
    if (first == nullptr || o.reached < first->reached) first = &o;
    for (const Slave& s : slaves_)
      if (s.host->id() == o.slave && s.host->name() == winner) said = &o;
  }
  if (said == nullptr) return breach("verdict: {} names {}, who did not run", host.name(), winner);
  world_.trace.line(world_.now(), "{}: race {:x}: {} has won, certainly", host.name(), id, winner);
  // Who follows an answer's beacon has taken that answer, and there is nothing to be misled by.
  if (by_beacon && !said->taken)
    return breach("beacon: {} is certain that {} has won for {}, who has not taken its answer", host.name(),
                  winner, to_string(asks_[race->second.ask].from));
  if (by_beacon) return;
  if (said->reached != RefTime::max() && said->reached <= first->reached) return;
  if (misled(asks_[race->second.ask], race->second, *first)) {
    if (!again) ++counters_.misled;
    return;
  }
  breach("verdict: {} is certain that {} has won for {}, which is not true", host.name(), winner,
         to_string(asks_[race->second.ask].from));
}

/// What no master can see (docs/design/who-won.md): a client's port that something else has closed, or a
/// winner that seems to have lost; each needs an error that is missing besides.
bool Judge::misled(const Ask& ask, const Race& race, const OrderRecord& first) const {
  // The network has doubled the query, and the copy that came first was answered without a race.
  const bool answered_before =
      std::ranges::any_of(ask.direct, [&](std::uint64_t packet) { return packet < race.first; });
  // The query was so long under way that its client had left before an answer came, and by the master's count
  // had not waited long yet.
  const bool left = ask.left <= first.reached && ask.left < race.began + promises_.certain_within;
  return answered_before || left || ask.deceived || first.doubled || race.for_nobody;
}

// ---- directors

void Judge::sessions(const Host& host, std::set<std::string> live) {
  Master& m = of(host);
  if (std::exchange(m.live, std::move(live)) != m.live) m.fit_changed = world_.now();
}

void Judge::add_sharing() {
  sharing_.add_master(masters_.back().host->name());
  masters_.back().book.share();
}

void Judge::records_lost() {
  sharing_.lost(world_.now());
  for (Master& m : masters_) m.book.forgave();
}

void Judge::bound(const Host& host, const std::string& service, const Prefix& prefix,
                  const std::string& server) {
  of(host).book.bound(service, prefix, server, world_.now());
  if (!sharing_.has(host.name())) return;
  others(host, [&](BookJudge& book) { book.contested(service, prefix); });
  if (!sharing_.word(host.name(), {service, prefix}, server, world_.now()))
    of(host).book.contested(service, prefix);
}

void Judge::unbound(const Host& host, const std::string& service, const Prefix& prefix) {
  of(host).book.unbound(service, prefix, world_.now());
  if (!sharing_.has(host.name())) return;
  others(host, [&](BookJudge& book) { book.contested(service, prefix); });
  if (!sharing_.word(host.name(), {service, prefix}, {}, world_.now()))
    of(host).book.contested(service, prefix);
}

void Judge::drained(const Host& host, const std::string& server, bool drained) {
  of(host).book.drained(server, drained, world_.now());
  if (!sharing_.has(host.name())) return;
  others(host, [&](BookJudge& book) { book.contested(server); });
  if (!sharing_.drain(host.name(), server, drained, world_.now())) of(host).book.contested(server);
}

void Judge::book(const Host& host, const ShownBook& book) {
  Master& m = of(host);
  if (std::exchange(m.drained, book.drained) != m.drained) m.fit_changed = world_.now();
  const auto before = m.book.survived();
  if (const auto wrong = m.book.look(book, world_.now())) breach("store: at {} {}", host.name(), *wrong);
  counters_.survived += m.book.survived() - before;
  if (!sharing_.has(host.name())) return;
  // Whoever stands still hears nothing of the others.
  for (const Master& each : masters_)
    if (sharing_.has(each.host->name()) && each.host->just_paused(SharingJudge::kAgree))
      sharing_.trouble(world_.now());
  if (const auto wrong = sharing_.look(host.name(), book, world_.now())) breach("sharing: {}", *wrong);
  counters_.compared = sharing_.compared();
}

void Judge::died(const Host& host, bool power, const Spans& disk) {
  Master& m = of(host);
  std::vector<Span> excuses = disk.all();
  excuses.insert(excuses.end(), host.pauses().all().begin(), host.pauses().all().end());
  std::ranges::sort(excuses, {}, &Span::from);
  m.book.died(world_.now(), power, std::move(excuses));
  m.fit_changed = world_.now();
  if (!sharing_.has(host.name())) return;
  sharing_.died(
      host.name(), world_.now(),
      [&](const SharingJudge::Key& key) { m.book.contested(key.first, key.second); },
      [&](const std::string& server) { m.book.contested(server); });
}

std::uint16_t Judge::type_of(const Ask& ask) {
  const std::size_t at = ask.name.size() - kTypeAndClass;
  return static_cast<std::uint16_t>(static_cast<std::uint8_t>(ask.name[at]) << 8U |
                                    static_cast<std::uint8_t>(ask.name[at + 1]));
}

std::optional<std::size_t> Judge::service_of(const Ask& ask) {
  if (ask.name.size() < kTypeAndClass) return std::nullopt;
  const std::string_view name = std::string_view(ask.name).substr(0, ask.name.size() - kTypeAndClass);
  const std::uint16_t type = type_of(ask);
  if (type != kTypeA && type != kTypeAaaa) return std::nullopt;
  const bool web = name == kWww || (name.ends_with(kWeb) && name.size() > kWeb.size());
  const bool api = name.ends_with(kApi) && name.size() > kApi.size();
  if (!web && !api) return std::nullopt;
  return web ? 0 : 1;
}

const Directed* Judge::directed(const Master& master, const Ask& ask) {
  const auto service = service_of(ask);
  if (!service || *service >= master.directed.size() || !master.directed[*service]) return nullptr;
  return &*master.directed[*service];
}

/// An answer of the master's own.
void Judge::check_directed(Master& master, const Ask& ask, const Packet& packet) {
  const Directed* const service = directed(master, ask);
  if (service == nullptr || world_.now() - master.fit_changed < kSettled ||
      master.host->just_paused(kSettled))
    return;
  const auto answer = read_answer(packet.data);
  if (!answer || answer->truncated) return;
  ++counters_.told;
  std::set<std::string> all, willing, fit;
  for (const auto& [ip, server] : service->owners) {
    all.insert(server);
    if (master.drained.contains(server)) continue;
    willing.insert(server);
    if (master.live.contains(server)) fit.insert(server);
  }
  const auto& rule = service->all_down;
  const auto wrong = [&](const std::string& what) {
    breach("director: {} answers {} for {} with {}", master.host->name(), to_string(ask.from), service->name,
           what);
  };
  if (fit.empty() && rule.what == director::AllDown::What::refuse) {
    if (answer->rcode == 0) wrong("a server, although none is fit");
    return;
  }
  if (answer->rcode != 0) return wrong("an error");
  if (answer->addresses.empty()) return wrong("nothing");
  if (fit.empty() && rule.what == director::AllDown::What::addresses) {
    for (const IpAddress& ip : answer->addresses)
      if (std::ranges::find(rule.addresses, ip) == rule.addresses.end())
        wrong(to_string(ip) + ", although no server is fit");
    return;
  }
  const std::set<std::string>& allowed = !fit.empty() ? fit : !willing.empty() ? willing : all;
  for (const IpAddress& ip : answer->addresses) {
    const auto owner = service->owners.find(ip);
    if (owner == service->owners.end()) return wrong(to_string(ip) + ", which is no server's");
    if (!allowed.contains(owner->second)) return wrong(owner->second + ", which is not fit as it knows");
  }
  const auto word = master.book.word_for(service->name, ask.from.ip, world_.now(), kSettled);
  const std::string& led = service->owners.at(answer->addresses.front());
  if (word && fit.contains(*word) && led != *word)
    wrong(fmt::format("{}, and an operator has said {}", led, *word));
}

}  // namespace flagfall::sim
