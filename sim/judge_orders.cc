// The judge's view of what masters send to slaves: it opens the sealed datagrams
// with the key that it saw exported, and reads the orders.
#include "sim/dns_text.hh"
#include "sim/judge.hh"

namespace flagfall::sim {
namespace {

/// What may never come twice under one key.
std::string nonce_of(const net::SealKey& key, const Packet& packet) {
  return key_text(key) + key_text(Bytes(packet.data).first(net::kSealHeader));
}

}  // namespace

Judge::Session* Judge::open(const Master& master, const Slave& slave, std::vector<std::uint8_t>& copy,
                            Bytes& plain) {
  const auto header = net::parse_seal_header(copy);
  if (!header) return nullptr;
  for (auto& [key, session] : sessions_) {
    if (session.master != master.host || session.slave != slave.host) continue;
    if (session.id.value_or(header->session) != header->session) continue;
    const std::vector<std::uint8_t> before = copy;
    const auto opened = session.opener->open(copy);
    if (opened.verdict == net::Opener::Verdict::replayed)
      breach("seal: {} used a nonce twice", master.host->name());
    if (opened.verdict == net::Opener::Verdict::ok) {
      session.id = header->session;
      plain = opened.plaintext;
      return &session;
    }
    copy = before;
  }
  return nullptr;
}

void Judge::orders_sent(Master& master, Slave& slave, const Packet& packet) {
  std::vector<std::uint8_t> copy = packet.data;
  Bytes plain;
  const Session* const session = open(master, slave, copy, plain);
  if (session == nullptr)
    return breach("seal: {} sent {} orders under a key that their sessions did not export",
                  master.host->name(), slave.host->name());
  if (session->master_life != master.host->life())
    return breach("seal: {} uses a key of its former life", master.host->name());
  const std::string nonce = nonce_of(session->key, packet);
  const auto [at, fresh] = datagrams_.try_emplace(nonce);
  if (!fresh) return breach("seal: {} used a nonce twice", master.host->name());
  sent_datagrams_.emplace_back(world_.now(), nonce);
  OrderDatagram& datagram = at->second;
  datagram.bytes = packet.data;
  datagram.number = packet.number;
  datagram.life = session->slave_life;
  datagram.session = session;
  wire::OrderReader reader(plain);
  for (wire::Order order; reader.next(order);) order_sent(master, slave, order, datagram);
  if (!reader.ok()) breach("order: {} sent malformed orders", master.host->name());
}

void Judge::order_sent(Master& master, const Slave& slave, const wire::Order& order,
                       OrderDatagram& datagram) {
  ++counters_.orders;
  const auto ask = find(order.client, order.request);
  if (!ask)
    return breach("order: {} races for {}, who did not ask", master.host->name(), to_string(order.client));
  const RefTime instant = world_.scale.world(order.instant);
  const auto [at, fresh] = master.races.try_emplace(order.race, Race{instant, *ask, 0, datagram.number});
  if (fresh && !race_started(master, *ask, order)) return;
  Race& race = at->second;
  if (fresh) race.began = world_.now(), race.for_nobody = asks_[*ask].closed, race.beacon = order.beacon;
  if (race.instant != instant || race.ask != *ask)
    return breach("order: {} gave one race two instants or two clients", master.host->name());
  if (fresh && order.beacon) beacon_race(master, asks_[*ask]);
  beacon_ordered(master, race, order);
  race.runners += order.echo ? 2 : 1;  // an echo is an answer more
  if (race.runners > promises_.max_slaves)
    return breach("guard: {} answers to one race of {}", race.runners, master.host->name());
  if (order.address >= master.addresses.size())
    return breach("order: {} ordered address {}, which it does not have", master.host->name(), order.address);
  if (directed(master, asks_[*ask]) != nullptr && master.drained.contains(slave.host->name()) &&
      world_.now() - master.fit_changed > kSettled && !master.host->just_paused(kSettled))
    return breach("director: {} races with {}, which is drained", master.host->name(), slave.host->name());
  datagram.orders.push_back(orders_.size());
  asks_[*ask].orders.push_back(orders_.size());
  OrderRecord& record = orders_.emplace_back();
  record.race = order.race;
  record.instant = instant;
  record.source = master.addresses[order.address];
  record.master = master.host->id();
  record.slave = slave.host->id();
  record.life = datagram.life;
  record.session = datagram.session;
  record.ask = *ask;
  record.echo = order.echo;
  record.shadow = order.shadow;
  record.beacon = order.beacon;
}

Nanos Judge::retry_window(const Master& master, const Ask& ask) const {
  const bool told = std::ranges::any_of(
      ask.orders, [&](OrderIndex i) { return orders_[i].told && orders_[i].master == master.host->id(); });
  return told ? promises_.retry_window_refused : promises_.retry_window;
}

bool Judge::race_started(Master& master, AskId id, const wire::Order& order) {
  ++counters_.races;
  Ask& ask = asks_[id];
  ++ask.races;
  if (const auto over = master.guard.race(order.client.ip, ask.verified, world_.now())) {
    breach("guard: a race of {} for {} exceeds {} limit", master.host->name(), to_string(order.client),
           *over);
    return false;
  }
  const std::string question = key_text(order.client.ip.bytes()) + ask.name;
  master.started.push_back({world_.now(), order.race, question});
  const auto [at, fresh] = master.raced.try_emplace(question, world_.now(), id);
  auto& [when, last] = at->second;
  // A millisecond: the master's clock may be fast.
  if (!fresh && asks_.holds(last) &&
      world_.now() - when < retry_window(master, asks_[last]) - std::chrono::milliseconds(1)) {
    breach("guard: {} raced a retry of {}", master.host->name(), to_string(order.client));
    return false;
  }
  when = world_.now();
  last = id;
  const Nanos ahead = world_.scale.world(order.instant) - world_.now();
  const auto as_promised = [&](Nanos delay) {
    return ahead <= delay + promises_.max_error && ahead >= delay - promises_.queue - promises_.max_error;
  };
  if (std::ranges::none_of(promises_.delays, as_promised))
    breach("order: {} set an instant {} us ahead, which is no service's delay", master.host->name(),
           ahead.count() / 1000);
  return true;
}

void Judge::datagram_arrived(const Slave& slave, const Packet& packet) {
  if (packet.data.size() < net::kSealOverhead || !slave.host->running()) return;
  for (const auto& [key, session] : sessions_) {
    if (session.slave != slave.host) continue;
    const auto datagram = datagrams_.find(nonce_of(key, packet));
    // A forger's copy that was changed is not the datagram.
    if (datagram == datagrams_.end() || datagram->second.bytes != packet.data) continue;
    for (const OrderIndex i : datagram->second.orders) {
      OrderRecord& o = orders_[i];
      if (o.arrived) ++counters_.replays_seen;
      if (o.arrived || o.life != slave.host->life()) continue;
      o.arrived = true;
      o.arrived_at = world_.now();
      o.stray = session.over;
    }
    return;
  }
}

}  // namespace flagfall::sim
