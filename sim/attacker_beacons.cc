// What the attacker does about beacons.
#include "sim/attacker.hh"
#include "sim/dns_text.hh"

namespace flagfall::sim {
namespace {

/// How many look-ups it remembers: some are older than a beacon counts.
constexpr std::size_t kMemory = 64;
/// And of beacons in answers, the newest.
constexpr std::size_t kNewest = 4;
constexpr std::size_t kDigits = 32;
constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuv";

}  // namespace

void Attacker::hear_beacon(const Packet& packet) {
  const auto is = [&](const NameServer& server) {
    return std::ranges::find(server.at, packet.destination) != server.at.end();
  };
  if (std::ranges::any_of(options_.name_servers, is)) {
    if (look_ups_.size() < kMemory)
      look_ups_.push_back(packet);
    else
      look_ups_[beacon_random_.next() % kMemory] = packet;
    return;
  }
  if (std::ranges::find(options_.services, packet.source) == options_.services.end()) return;
  const auto answer = read_answer(packet.data);
  if (!answer || answer->target.empty()) return;
  if (beacons_.size() == kNewest) beacons_.erase(beacons_.begin());
  beacons_.push_back({answer->target, packet.destination.ip});
}

void Attacker::look_up(const Endpoint& from, const NameServer& at, const std::string& name) {
  const QueryText query{.id = static_cast<std::uint16_t>(beacon_random_.next()),
                        .name = name,
                        .type = beacon_random_.unit() < 0.7 ? kTypeA : kTypeAaaa,
                        .edns = true,
                        .cookie = {},
                        .recursive = false};
  const auto packet = write_query(query, &beacon_random_);
  (void)judge_.asked(from, packet, false, true);
  const auto to = std::ranges::find(at.at, from.ip.family, [](const Endpoint& e) { return e.ip.family; });
  if (to != at.at.end()) world_.network.send(id(), from, *to, packet);
  ++counters_.beacons;
}

void Attacker::attack_beacons() {
  Random& random = beacon_random_;
  const double pause = 2 * random.unit() * static_cast<double>(options_.pause.count());
  after(Nanos(static_cast<std::int64_t>(pause)), [this] { attack_beacons(); });
  const std::uint64_t kind = random.next() % 6;
  const auto port = static_cast<std::uint16_t>(1024 + random.next() % 60000);
  const NameServer& server = any(options_.name_servers, random);
  const auto owner = [&](const std::string& name) {
    return std::ranges::find_if(options_.name_servers,
                                [&](const NameServer& s) { return name.ends_with("." + s.zone); });
  };
  if (kind == 0 && !look_ups_.empty()) {  // once more, as it was
    const Packet& packet = any(look_ups_, random);
    ++counters_.beacons;
    (void)judge_.asked(packet.source, packet.data, false, true);  // the judge may have forgotten it
    return world_.network.send(id(), packet.source, packet.destination, packet.data);
  }
  if (kind == 1) {  // made up
    std::string label;
    while (label.size() < kDigits) label += kAlphabet[random.next() % kAlphabet.size()];
    const IpAddress client = asked_.empty() ? options_.address : any(asked_, random).source.ip;
    return look_up({client, port}, server, label + '.' + server.zone);
  }
  if (beacons_.empty()) return;
  const Heard& heard = any(beacons_, random);
  const auto its = owner(heard.name);
  if (its == options_.name_servers.end()) return;
  std::string name = heard.name;
  if (kind == 2 || kind == 3)  // as a sensor does that reads along
    return look_up({options_.address, port}, *its, name);
  if (kind == 4) {  // changed: another race, or another proof
    char& digit = name[random.next() % kDigits];
    digit = digit == kAlphabet[0] ? kAlphabet[1] : kAlphabet[0];
    return look_up({heard.client, port}, *its, name);
  }
  // At another slave that may have run in the same race.
  if (its->zone != server.zone)
    look_up({heard.client, port}, server, name.substr(0, kDigits + 1) + server.zone);
}

}  // namespace flagfall::sim
