#include "sim/judge.hh"

#include "sim/dns_text.hh"

namespace flagfall::sim {
namespace {

/// The question in lower case: name and type.
std::string folded(Bytes question) {
  std::string out = key_text(question);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return out;
}

std::string readable(Bytes question) {
  std::string out;
  for (std::size_t i = 0; i < question.size() && question[i] != 0; i += std::size_t{question[i]} + 1) {
    if (!out.empty()) out += '.';
    out += key_text(question.subspan(i + 1, question[i]));
  }
  return out;
}

/// What tells a question apart on the wire: whose, and its id and octets.
std::string ask_key(const Endpoint& client, Bytes dns) {
  const Bytes question = question_of(dns);
  if (question.empty()) return {};
  return key_text(client.ip.bytes()) + std::to_string(client.port) + '/' + key_text(dns.first(2)) +
         key_text(question);
}

double ms(Nanos n) {
  return static_cast<double>(n.count()) * 1e-6;
}

/// Clocks are integers of nanoseconds, rounded here and there.
constexpr Nanos kRounding = std::chrono::microseconds(2);
/// So long after its instant what was to become of an order has.
constexpr Nanos kLost = std::chrono::seconds(2);
/// What has waited in a host that stood still is dealt with after so long.
constexpr Nanos kAfterPause = std::chrono::milliseconds(100);

}  // namespace

void Judge::add_master(const Host& host, std::vector<Endpoint> addresses) {
  Master& m = masters_.emplace_back();
  m.host = &host;
  m.addresses = std::move(addresses);
}

void Judge::add_slave(const Host& host, std::vector<Endpoint> sources, const Endpoint& orders) {
  Slave& s = slaves_.emplace_back();
  s.host = &host;
  s.sources = std::move(sources);
  s.orders = orders;
}

AskId Judge::asked(const Endpoint& from, Bytes query, bool verified, bool forged) {
  ++(forged ? counters_.forged_asks : counters_.asks);
  forget();
  const std::string key = ask_key(from, query);
  if (key.empty()) return asks_.size();
  const auto [at, fresh] = ask_of_.try_emplace(key, asks_.size());
  if (fresh) {
    Ask& ask = asks_.emplace_back();
    ask.from = from;
    ask.key = key;
    ask.asked = world_.now();
    ask.name = folded(question_of(query));
    ask.forged = forged;
    ask.recursive = (query[2] & 1U) != 0;
  }
  asks_[at->second].verified |= verified;
  return at->second;
}

std::optional<AskId> Judge::find(const Endpoint& client, Bytes dns) const {
  const auto at = ask_of_.find(ask_key(client, dns));
  if (at == ask_of_.end()) return std::nullopt;
  return at->second;
}

void Judge::answered(AskId /*ask*/) {
  ++counters_.answered;
}

void Judge::deceived(AskId ask) {
  if (asks_.holds(ask)) asks_[ask].deceived = true;
}

void Judge::closed(AskId ask) {
  if (asks_.holds(ask)) asks_[ask].closed = true;
}

void Judge::left(AskId ask) {
  closed(ask);
  if (asks_.holds(ask)) asks_[ask].left = world_.now();
}

void Judge::exported(const net::SealKey& key, const Host& host) {
  Session& s = sessions_[key];
  s.key = key;
  if (!s.opener) s.opener = std::make_unique<net::Opener>(key);
  for (const Master& m : masters_)
    if (m.host == &host) s.master = &host, s.master_life = host.life();
  for (const Slave& m : slaves_)
    if (m.host == &host) s.slave = &host, s.slave_life = host.life();
}

void Judge::session_over(const net::SealKey& key) {
  Session& session = sessions_[key];
  session.over = true;
  session.over_at = world_.now();
  for (OrderRecord& o : orders_)
    if (o.session == &session && o.arrived &&
        session.slave->just_paused(promises_.slave_queue).value_or(world_.now()) - o.arrived_at <=
            promises_.slave_queue)
      o.stray = true;
}

void Judge::accuse(const std::string& what) {
  breach("{}", what);
}

void Judge::packet_sent(const Packet& packet) {
  for (Master& m : masters_)
    if (m.host->id() == packet.from) return sent_by_master(m, packet);
  for (Slave& s : slaves_)
    if (s.host->id() == packet.from) return sent_by_slave(s, packet);
}

void Judge::sent_by_master(Master& master, const Packet& packet) {
  if (master.life != master.host->life()) {  // a new process: full buckets, nothing remembered
    master.life = master.host->life();
    master.guard = GuardBudget(promises_.guard);
    master.beacon_tries = BeaconBudget(promises_.guard);
    master.raced.clear();
    master.races.clear();
    master.answers.clear();
    master.started.clear();
  }
  for (Slave& s : slaves_)
    if (s.orders == packet.destination) return orders_sent(master, s, packet);
  if (question_of(packet.data).empty()) return;  // an error answer to garbage
  const auto ask = find(packet.destination, packet.data);
  if (!ask)
    return breach("query: {} answered a question that {} never asked", master.host->name(),
                  to_string(packet.destination));
  ++counters_.direct;
  if (!asks_[*ask].verified) (void)answers_to(master, packet.destination.ip).take(world_.now());
  asks_[*ask].direct.push_back(packet.number);
  flights_[packet.number] = {};
  if (!master.directed.empty()) check_directed(master, asks_[*ask], packet);
}

void Judge::handled(const Host& master, const std::vector<const Packet*>& queries) {
  std::vector<AskId> asks;
  for (const Packet* query : queries)
    if (const auto id = find(query->source, query->data)) {
      ++asks_[*id].handled;
      asks.push_back(*id);
    }
  for (const AskId id : asks) {
    Ask& ask = asks_[id];
    const std::size_t reactions = ask.direct.size() + ask.races + ask.limited;
    if (reactions < ask.handled && above_limit(master, ask)) {
      ++ask.limited;
      ++counters_.limited;
    } else if (reactions < ask.handled)
      breach("query: {} took a query of {} and did nothing about it", master.name(), to_string(ask.from));
    if (reactions > ask.handled)
      breach("query: {} did more than one thing about a query of {}", master.name(), to_string(ask.from));
  }
}

Budget& Judge::answers_to(Master& master, const IpAddress& client) const {
  const auto& limit = promises_.answers;
  const unsigned length = client.family == Family::v4 ? limit.prefix_v4 : limit.prefix_v6;
  return master.answers.try_emplace(masked(client, length), limit.network).first->second;
}

/// This client's network has had all its answers: the next need not be sent.
bool Judge::above_limit(const Host& host, const Ask& ask) {
  const auto master = std::ranges::find(masters_, &host, &Master::host);
  return !ask.verified && master != masters_.end() &&
         answers_to(*master, ask.from.ip).level(world_.now()) < 2;
}

void Judge::sent_by_slave(Slave& slave, const Packet& packet) {
  if (beacons_.is_server(slave.host->id(), packet.source)) return name_server_sent(slave, packet);
  if (slave.life != slave.host->life()) {
    slave.life = slave.host->life();
    // What was accepted at the cap's rate may leave a little faster, since services' delays differ,
    // and echoes wait longer than answers.
    BucketLimit cap = promises_.slave_cap;
    const Nanos longest = std::ranges::max(promises_.delays) + wire::kEchoAfter;
    cap.burst += cap.rate * static_cast<double>(longest.count()) * 1e-9;
    slave.cap = Budget(cap);
  }
  // After a pause, answers of before it leave, and those that the cap now allows again are yet to come.
  if (!slave.host->just_paused(kAfterPause) && !slave.cap.take(world_.now()))
    return breach("guard: {} sends above its own cap", slave.host->name());
  const auto& mine = slave.sources;
  if (std::ranges::find(mine, packet.source) == mine.end())
    return breach("order: {} sent from {}, which it may not", slave.host->name(), to_string(packet.source));
  const auto ask = find(packet.destination, packet.data);
  if (!ask)
    return breach("order: {} sent to {} what nobody there asked", slave.host->name(),
                  to_string(packet.destination));
  const auto away = [&](const OrderRecord& r) { return std::chrono::abs(r.instant - world_.now()); };
  const auto from_echo = [&](const OrderRecord& r) {
    return std::chrono::abs(r.instant + wire::kEchoAfter - world_.now());
  };
  std::optional<OrderIndex> best;
  std::optional<OrderIndex> second;  // whose echo this may be
  bool again = false;
  for (const OrderIndex i : asks_[*ask].orders) {
    OrderRecord& o = orders_[i];
    if (o.slave != slave.host->id() || o.source != packet.source) continue;
    // Also when the kernel did not take the answer itself, which counts as refused.
    const bool done = o.fired || (o.refused && o.echo);
    if (done && o.echo && !o.echoed && o.life == slave.host->life()) second = i;
    if (done || o.life != slave.host->life() || !o.arrived) {
      again |= o.fired;
      continue;
    }
    if (!best || away(o) < away(orders_[*best])) best = i;
  }
  // Of an order that is still open, from an earlier race of the same question, and an echo: what is nearer.
  if (second && (!best || from_echo(orders_[*second]) < away(orders_[*best])))
    return echoed(slave, *second, packet);
  if (!best)
    return breach("order: {} sent to {} {}", slave.host->name(), to_string(packet.destination),
                  again ? "twice for one order" : "without an order that it has got");
  fired(slave, *best, packet);
}

void Judge::echoed(Slave& slave, OrderIndex index, const Packet& packet) {
  OrderRecord& order = orders_[index];
  order.echoed = true;
  order.echo_answer = packet.number;
  flights_[packet.number].order = index;
  ++counters_.echoed;
  const Nanos miss = std::chrono::abs(world_.now() - order.instant - wire::kEchoAfter);
  if (slave.host->paused_since(order.instant)) return;
  if (miss > promises_.max_error + promises_.wake_up + kRounding)
    breach("order: {} sent an echo {:.3f} ms away from its time", slave.host->name(), ms(miss));
}

void Judge::fired(Slave& slave, OrderIndex index, const Packet& packet) {
  OrderRecord& order = orders_[index];
  order.fired = true;
  if (order.shadow) breach("order: {} sent the answer of a shadow", slave.host->name());
  order.answer = packet.number;
  flights_[packet.number].order = index;
  if (beacons_.any()) beacon_fired(slave, order, packet);
  ++counters_.fired;
  const Nanos miss = world_.now() - order.instant;
  const Nanos allowed = promises_.max_error + promises_.wake_up + kRounding;
  // Who stands still at the instant sends when it goes on, and says how late that was.
  const bool in_time =
      order.instant - order.arrived_at > allowed && !slave.host->paused_since(order.arrived_at);
  if (miss < -allowed) breach("order: {} sent {:.3f} ms before the instant", slave.host->name(), -ms(miss));
  if (in_time && miss > allowed)
    breach("order: {} sent {:.3f} ms after the instant of an order that came in time", slave.host->name(),
           ms(miss));
  if (miss > allowed) ++counters_.fired_late;
}

void Judge::refused(const Host& slave, std::uint64_t race) {
  ++counters_.refused;
  // The newest orders are the likely ones.
  for (std::size_t i = orders_.size(); i-- > orders_.first();) {
    OrderRecord& o = orders_[i];
    if (o.race != race || o.slave != slave.id() || o.life != slave.life()) continue;
    if (o.fired) breach("order: {} fired an order and says that it refused it", slave.name());
    o.refused = true;
    return;
  }
}

void Judge::told(const Host& master, const std::string& slave, const wire::Report& report) {
  using Fate = wire::RaceOutcome::Fate;
  const auto from = std::ranges::find_if(slaves_, [&](const Slave& s) { return s.host->name() == slave; });
  if (from == slaves_.end()) return breach("session: {} has a report of {}", master.name(), slave);
  for (const wire::RaceOutcome& outcome : report.outcomes) {
    if (outcome.fate != Fate::refused && outcome.fate != Fate::failed) continue;
    const auto order = std::find_if(orders_.rbegin(), orders_.rend(), [&](const OrderRecord& o) {
      return o.race == outcome.race && o.master == master.id() && o.slave == from->host->id();
    });
    if (order != orders_.rend()) order->told = true;
  }
  for (const wire::BeaconWin& win : report.beacon_wins)
    if (const auto wrong = beacons_.told(from->host->id(), win)) breach("{}", *wrong);
}

void Judge::packet_arrived(const Packet& packet, HostId at) {
  if (const auto flight = flights_.find(packet.number); flight != flights_.end()) {
    flight->second.fate = Flight::Fate::arrived;
    reached(flight->second);
  }
  for (const Slave& s : slaves_)
    if (s.host->id() == at && s.orders == packet.destination) datagram_arrived(s, packet);
}

void Judge::packet_lost(const Packet& packet, Loss why) {
  const auto flight = flights_.find(packet.number);
  if (flight == flights_.end()) return;
  const bool taken = flight->second.fate == Flight::Fate::arrived;
  if (flight->second.fate == Flight::Fate::under_way) flight->second.fate = Flight::Fate::lost;
  if (why != Loss::no_listener) return;
  reached(flight->second);
  if (const auto order = flight->second.order; taken && order && orders_.holds(*order))
    orders_[*order].doubled = true;
}

/// An answer's first copy is at its client's host.
void Judge::reached(const Flight& flight) {
  if (!flight.order || !orders_.holds(*flight.order)) return;
  RefTime& reached = orders_[*flight.order].reached;
  reached = std::min(reached, world_.now());
}

void Judge::clock(const Host& host, const clocksync::RefMap& map) {
  if (map.status == wire::ClockStatus::unknown) return;
  const RefTime said = map.to_ref(host.mono());
  if (map.near_leap(said)) return;  // it says itself that it may be a second off
  const Nanos error = std::chrono::abs(said - world_.scale.reference(world_.now()));
  const Nanos bound = map.bound_at(host.mono()) + kRounding;
  if (error > bound)
    breach("clock: {} is wrong by {:.6f} ms, its bound is {:.6f} ms", host.name(), ms(error), ms(bound));
}

void Judge::ceiling(const Host& host, const char* what, std::size_t value, std::size_t most) {
  if (value > most) breach("ceiling: {} of {} are {}, more than {}", what, host.name(), value, most);
}

bool Judge::failed(std::uint64_t packet) const {
  return flights_.at(packet).fate != Flight::Fate::arrived;
}

RefTime Judge::fires_before(const OrderRecord& o) const {
  return std::max(o.instant, o.arrived_at) + promises_.max_error + promises_.wake_up + promises_.slave_queue;
}

bool Judge::excused(const OrderRecord& o) const {
  if (!o.arrived || o.refused || o.stray || o.shadow) return true;
  if (o.fired) return failed(o.answer);
  for (const Slave& s : slaves_)
    if (s.host->id() == o.slave)
      // A client may give up before the instant, when it believes an ICMP error.
      return s.host->life() != o.life || !s.host->running() || world_.now() < fires_before(o) ||
             s.host->just_paused(kAfterPause);
  return false;
}

/// Each order, when its slave has had the time: it was sent, or there is a reason.
void Judge::look_for_lost_orders() {
  checked_ = std::max(checked_, orders_.first());
  for (; checked_ < orders_.size() && orders_[checked_].instant + kLost < world_.now(); ++checked_) {
    const OrderRecord& o = orders_[checked_];
    if (o.fired || excused(o)) continue;
    for (const Slave& s : slaves_)
      if (s.host->id() == o.slave)
        breach("order: {} took an order for {} and neither sent nor refused it", s.host->name(),
               to_string(asks_.holds(o.ask) ? asks_[o.ask].from : Endpoint{}));
  }
}

bool Judge::excused(const Ask& ask) const {
  return std::ranges::all_of(ask.direct, [&](std::uint64_t p) { return failed(p); }) &&
         std::ranges::all_of(ask.orders, [&](OrderIndex i) { return excused(orders_[i]); });
}

void Judge::gave_up(const std::vector<AskId>& tries) {
  ++counters_.gave_up;
  for (const AskId id : tries)
    if (asks_.holds(id) && !excused(asks_[id]))
      breach("query: {} asked {} and gave up without a reason in the world", to_string(asks_[id].from),
             readable(as_bytes(asks_[id].name)));
}

}  // namespace flagfall::sim
