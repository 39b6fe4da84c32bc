// The judge's view of beacons: which races have them, and what comes to the slaves'
// name servers. What they promise is in beacon_judge.hh.
#include "master/snapshot_builder.hh"
#include "sim/judge.hh"

namespace flagfall::sim {

void Judge::add_name_server(const Host& slave, NameServer server) {
  beacons_.add(slave.id(), std::move(server));
}

void Judge::add_services(const std::vector<master::ServiceConfig>& services) {
  std::vector<std::uint32_t> ttls;
  for (const master::ServiceConfig& service : services) {
    masters_.back().beacons.push_back(master::beacon_wish(service));
    ttls.push_back(service.ttl);
  }
  beacons_.promise(std::move(ttls), promises_.max_error);
}

void Judge::serves_beacons(const Host& slave) {
  beacons_.serving(slave.id(), slave.life());
}

/// For resolvers only, and where the operator wants it.
void Judge::beacon_race(Master& master, const Ask& ask) {
  const auto why_not = [&](const std::string& why) {
    breach("beacon: {} leads {} to one, {}", master.host->name(), to_string(ask.from), why);
  };
  const auto service = service_of(ask);
  if (!service || *service >= master.beacons.size() || master.beacons[*service] == master::BeaconWish{})
    return why_not("and no operator wants it");
  if (ask.recursive) why_not("and it is a stub");
  if (!master.beacons[*service].unknown) return;
  if (const auto why = master.beacon_tries.race(*service, ask.from.ip, world_.now())) why_not(*why);
}

/// All runners or none.
void Judge::beacon_ordered(const Master& master, const Race& race, const wire::Order& order) {
  if (order.beacon != race.beacon)
    return breach("beacon: {} wants it of some runners of a race only", master.host->name());
  if (order.beacon && (order.echo || order.shadow))
    breach("beacon: {} wants an echo of one, too", master.host->name());
}

void Judge::beacon_fired(const Slave& slave, const OrderRecord& order, const Packet& packet) {
  const auto answer = read_answer(packet.data);
  if (!answer) return breach("beacon: {} sent what is no answer", slave.host->name());
  if (!order.beacon) {
    if (!answer->target.empty()) breach("beacon: {} leads to one unasked", slave.host->name());
    return;
  }
  ++counters_.beacons;
  const Ask& ask = asks_[order.ask];
  if (const auto wrong = beacons_.issued(
          slave.host->id(),
          {order.race, *service_of(ask), slave.host->life(), packet.destination.ip, order.instant}, *answer))
    breach("{}", *wrong);
}

void Judge::name_server_sent(const Slave& slave, const Packet& packet) {
  const auto ask = find(packet.destination, packet.data);
  const auto answer = read_answer(packet.data);
  if (!ask || !answer)
    return breach("beacon: {} answered a question that {} never asked", slave.host->name(),
                  to_string(packet.destination));
  if (!asks_[*ask].forged) ++counters_.followed;
  asks_[*ask].direct.push_back(packet.number);
  flights_[packet.number] = {};
  if (const auto wrong = beacons_.answered(slave.host->id(), slave.host->life(), question_name(packet.data),
                                           type_of(asks_[*ask]), *answer))
    breach("{}", *wrong);
}

void Judge::looked_up(const Host& slave, const Packet& question) {
  const auto id = find(question.source, question.data);
  if (!id) return;
  Ask& ask = asks_[*id];
  ++ask.handled;
  if (ask.direct.size() < ask.handled)
    return breach("beacon: {} took a question of {} and did not answer", slave.name(), to_string(ask.from));
  beacons_.looked_up(slave.id(), {question_name(question.data), type_of(ask), question.source.ip,
                                  slave.life(), world_.now()});
}

void Judge::took(std::uint64_t packet) {
  const auto flight = flights_.find(packet);
  if (flight == flights_.end() || !flight->second.order || !orders_.holds(*flight->second.order)) return;
  orders_[*flight->second.order].taken = true;
}

void Judge::missed(std::uint64_t packet) {
  if (const auto flight = flights_.find(packet); flight != flights_.end())
    flight->second.fate = Flight::Fate::lost;
}

}  // namespace flagfall::sim
