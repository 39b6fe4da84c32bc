#include "sim/attacker.hh"

#include "sim/dns_text.hh"

namespace flagfall::sim {
namespace {

/// How many datagrams it remembers.
constexpr std::size_t kMemory = 256;
/// And of queries, the newest.
constexpr std::size_t kQueries = 8;
/// Answers that are forged in one go.
constexpr std::uint64_t kGuesses = 40;

}  // namespace

Attacker::Attacker(World& world, HostId id, SiteId site, Options options, Judge& judge)
    : Host(world, id, site, "attacker", HostClock(kStart, std::chrono::hours(1), Nanos(0), 0)),
      options_(std::move(options)),
      judge_(judge),
      random_(world.fork("attacker")),
      beacon_random_(world.fork("attacker of beacons")) {
  world.network.route(options_.address, id);
}

void Attacker::process_started() {
  attack();
  if (!options_.name_servers.empty()) attack_beacons();
}

void Attacker::packet_sent(const Packet& packet) {
  if (packet.from == id()) return;
  if (!options_.name_servers.empty()) hear_beacon(packet);
  if (std::ranges::find(options_.services, packet.destination) != options_.services.end()) {
    if (asked_.size() == kQueries) asked_.erase(asked_.begin());
    asked_.push_back(packet);
  }
  if (std::ranges::find(options_.orders, packet.destination) == options_.orders.end()) return;
  if (heard_.size() < kMemory) {
    heard_.push_back(packet);
  } else {
    heard_[random_.next() % kMemory] = packet;
  }
}

void Attacker::attack() {
  switch (random_.next() % 10) {
    case 0:
    case 1:
    case 2:
      spoof();
      break;
    case 3:
    case 4:
      replay(false);
      break;
    case 5:
      replay(true);
      break;
    case 6:
      make_up();
      break;
    case 7:
      pester();
      break;
    case 8:
      forge_answers();
      break;
    case 9:
      forge_error();
      break;
  }
  const double pause = 2 * random_.unit() * static_cast<double>(options_.pause.count());
  after(Nanos(static_cast<std::int64_t>(pause)), [this] { attack(); });
}

Attacker::Counters& Attacker::Counters::operator+=(const Counters& o) {
  spoofed += o.spoofed;
  replayed += o.replayed;
  changed += o.changed;
  made_up += o.made_up;
  pestered += o.pestered;
  flooded += o.flooded;
  answers += o.answers;
  errors += o.errors;
  beacons += o.beacons;
  return *this;
}

/// A burst of queries that seem to come from one network, the victim's.
void Attacker::spoof() {
  const auto burst = 1 + random_.next() % 60;
  const auto net = static_cast<std::uint8_t>(random_.next() % 4);
  for (std::uint64_t i = 0; i < burst; ++i) spoof_one(any(options_.services), net);
}

void Attacker::spoof_one(const Endpoint& to, std::uint8_t net) {
  Endpoint from;
  from.ip.family = to.ip.family;
  if (to.ip.family == Family::v4) {
    from.ip.octets = {203, 0, net, static_cast<std::uint8_t>(random_.next())};
  } else {
    from.ip.octets = {0x20, 0x01, 0x0d, 0xb8, 0xee, net};
    from.ip.octets[15] = static_cast<std::uint8_t>(random_.next());
  }
  from.port = static_cast<std::uint16_t>(1 + random_.next() % 65535);
  QueryText query{.id = static_cast<std::uint16_t>(random_.next()),
                  .name = "a" + std::to_string(next_++) + ".race.example.test",
                  .type = random_.unit() < 0.5 ? kTypeA : kTypeAaaa,
                  .edns = random_.unit() < 0.7,
                  .cookie = {}};
  // A stub's, or a resolver's.
  if (!options_.name_servers.empty()) query.recursive = beacon_random_.unit() < 0.5;
  if (random_.unit() < 0.3)  // a cookie that it made up
    for (int octet = 0; octet < 24; ++octet)
      query.cookie.push_back(static_cast<std::uint8_t>(random_.next()));
  auto packet = write_query(query, &random_);
  (void)judge_.asked(from, packet, false, true);
  world_.network.send(id(), from, to, std::move(packet));
  ++counters_.spoofed;
}

bool Attacker::flood(const Flood& flood) {
  if (running()) flood_on(flood, any(options_.services), world_.now() + flood.length);
  return running();
}

void Attacker::flood_on(const Flood& flood, const Endpoint& to, RefTime end) {
  if (world_.now() >= end) return;
  ++counters_.flooded;
  if (flood.heavy) {
    Endpoint from{to.ip, static_cast<std::uint16_t>(1024 + random_.next() % 60000)};
    from.ip.octets[to.ip.size() - 1] ^= 0x55U;
    world_.network.send(id(), from, to, std::vector<std::uint8_t>(1200));
  } else {
    spoof_one(to, static_cast<std::uint8_t>(random_.next() % 4));
  }
  after(Nanos(std::chrono::seconds(1)) / flood.per_second,
        [this, flood, to, end] { flood_on(flood, to, end); });
}

/// Answers to a query that was just asked, with many ids and each time a wrong one.
void Attacker::forge_answers() {
  if (asked_.empty()) return;
  const Packet query = any(asked_);
  if (query.data.size() < 12) return;
  std::vector<std::uint8_t> answer = query.data;
  answer[2] |= 0x80U;
  answer[10] = answer[11] = 0;  // no OPT, whatever follows
  const Bytes question = question_of(answer);
  answer.resize(12 + question.size());
  answer[7] = 1;
  const std::vector<std::uint8_t> record = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 66};
  answer.insert(answer.end(), record.begin(), record.end());
  const auto guesses = 1 + random_.next() % kGuesses;
  for (std::uint64_t i = 0; i < guesses; ++i) {
    const auto off = static_cast<std::uint16_t>(1 + random_.next() % 65535);
    const auto wrong = static_cast<std::uint16_t>((query.data[0] << 8U | query.data[1]) ^ off);
    answer[0] = static_cast<std::uint8_t>(wrong >> 8U);
    answer[1] = static_cast<std::uint8_t>(wrong);
    world_.network.send(id(), query.destination, query.source, answer);
    ++counters_.answers;
  }
}

/// An ICMP error, as if the client had not wanted the answer, or as if the master's port were closed.
void Attacker::forge_error() {
  if (asked_.empty()) return;
  const Packet& query = any(asked_);
  if (query.data.size() < 12) return;
  ++counters_.errors;
  const bool v4 = query.source.ip.family == Family::v4;
  IcmpError error;
  error.type = v4 ? 3 : 1;
  error.code = v4 ? 3 : 4;
  error.quoted = query.data;
  error.quoted[random_.next() % 2] ^= static_cast<std::uint8_t>(1 + random_.next() % 255);
  if (random_.unit() < 0.5) {
    error.offender = query.destination.ip;
    error.source = query.source;
    error.destination = query.destination;
  } else {
    error.offender = query.source.ip;
    error.source = query.destination;
    error.destination = query.source;
    error.quoted[2] |= 0x80U;
    error.quoted.resize(12 + question_of(error.quoted).size());
    error.quoted[7] = 1;
    error.quoted[10] = error.quoted[11] = 0;
    // Any slave's address could be quoted; this one's, as the sample zone's are.
    const std::vector<std::uint8_t> record = {
        0xc0, 12, 0, 1, 0,   1,  0,   0,
        0,    30, 0, 4, 198, 51, 100, static_cast<std::uint8_t>(1 + random_.next() % 4)};
    error.quoted.insert(error.quoted.end(), record.begin(), record.end());
  }
  world_.network.send_icmp(id(), std::move(error));
}

void Attacker::replay(bool change) {
  if (heard_.empty()) return;
  Packet packet = any(heard_);
  if (change) {
    ++counters_.changed;
    if (random_.unit() < 0.5) {
      packet.data[random_.next() % packet.data.size()] ^=
          static_cast<std::uint8_t>(1U << (random_.next() % 8));
    } else {
      packet.data.resize(random_.next() % packet.data.size());
    }
  } else {
    ++counters_.replayed;
    if (random_.unit() < 0.2) packet.destination = any(options_.orders);  // to another slave
  }
  world_.network.send(id(), packet.source, packet.destination, packet.data);
}

void Attacker::make_up() {
  ++counters_.made_up;
  std::vector<std::uint8_t> data(random_.next() % 600);
  for (auto& octet : data) octet = static_cast<std::uint8_t>(random_.next());
  const bool order = random_.unit() < 0.5;
  if (order && data.size() > 3) {
    data[0] = 0xf1;  // looks like an order datagram
    data[1] = 0xa6;
    data[2] = 1;
  }
  // One in 65,536 is a question, and is rightly answered; the judge does not know that it was asked.
  if (!question_of(data).empty()) data[5] = 2;
  const Endpoint& to = order ? any(options_.orders) : any(options_.services);
  Endpoint from{to.ip, 5353};  // an address of its own would do as well
  from.ip.octets[to.ip.size() - 1] ^= 0x55U;
  world_.network.send(id(), from, to, std::move(data));
}

void Attacker::pester() {
  ++counters_.pestered;
  const Endpoint& control = any(options_.controls);
  const auto port = static_cast<std::uint16_t>(1024 + random_.next() % 60000);
  (void)world_.streams.dial(id(), {options_.address, port}, control);
}

/// It has a certificate of the installation, but its name is no slave's.
void Attacker::stream_open(StreamId id, const std::string& /*peer*/, const net::SealKey& /*key*/) {
  const double what = random_.unit();
  if (what < 0.3) return;  // holds the connection
  if (what < 0.6) {
    std::vector<std::uint8_t> garbage(1 + random_.next() % 300);
    for (auto& octet : garbage) octet = static_cast<std::uint8_t>(random_.next());
    return world_.streams.write(id, this->id(), garbage);
  }
  world_.streams.write(id, this->id(),
                       wire::encode(wire::Hello{.instance = 1, .order_port = 4954, .software = "nobody"}));
}

}  // namespace flagfall::sim
