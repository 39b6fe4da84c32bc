#include "sim/client.hh"

namespace flagfall::sim {
namespace {

/// RFC 1035 §4.1.1.
constexpr unsigned kRefused = 5;

}  // namespace

Client::Client(World& world, HostId id, SiteId site, const std::string& name, Options options, Judge& judge)
    : Host(world, id, site, name, HostClock(kStart, std::chrono::hours(1), Nanos(0), 0)),
      options_(std::move(options)),
      judge_(judge),
      random_(world.fork(name)),
      known_(options_.servers.size()) {
  world.network.route(options_.address, id);
  for (int i = 0; i < 8; ++i) client_cookie_.push_back(static_cast<std::uint8_t>(random_.next()));
  start();
}

void Client::ask(const std::string& name, std::uint16_t type) {
  ++counters_.wanted;
  const std::uint64_t number = next_++;
  if (options_.style.caches) {
    const Question question{name, type};
    if (const auto kept = cached_.find(question); kept != cached_.end() && mono() < kept->second) {
      ++counters_.from_cache;
      return;
    }
    if (!under_way_.try_emplace(question, number).second) {
      ++counters_.joined;
      return;
    }
  }
  const std::size_t servers = options_.servers.size();
  Lookup& lookup =
      lookups_.try_emplace(number, Lookup{Tries(options_.style, servers, number % servers), mono()})
          .first->second;
  lookup.query.name = name;
  lookup.query.type = type;
  lookup.query.edns = options_.style.edns;
  send(number);
}

void Client::open_port(Lookup& lookup, std::uint64_t number) {
  ports_.erase(lookup.port);
  do {
    lookup.port = static_cast<std::uint16_t>(1024 + random_.next() % 64000);
  } while (ports_.contains(lookup.port));
  ports_[lookup.port] = number;
  lookup.query.id = static_cast<std::uint16_t>(random_.next());
}

void Client::close(std::uint64_t number) {
  const Lookup& lookup = lookups_.at(number);
  ports_.erase(lookup.port);
  judge_.closed(lookup.tries.back());
  if (options_.style.caches) under_way_.erase({lookup.query.name, lookup.query.type});
  lookups_.erase(number);
}

void Client::send(std::uint64_t number) {
  Lookup& lookup = lookups_.at(number);
  const auto next = lookup.plan.next(known_, mono() - lookup.started, random_);
  if (!next) {
    world_.trace.line(world_.now(), "{} gives up on {}", name(), lookup.query.name);
    judge_.gave_up(lookup.tries);
    return close(number);
  }
  lookup.now = *next;
  lookup.sent_at = mono();
  const Endpoint& server = options_.servers[next->server];
  bool verified = false;
  const bool anew = lookup.tries.empty() || options_.style.new_port;
  if (anew && !lookup.tries.empty()) judge_.left(lookup.tries.back());
  if (anew) open_port(lookup, number);
  if (options_.style.cookies) {
    const auto known = cookies_.find(server);
    verified = known != cookies_.end();
    lookup.query.cookie = verified ? known->second : client_cookie_;
  }
  if (anew) lookup.sent = write_query(lookup.query, options_.style.mixed_case ? &random_ : nullptr);
  const Endpoint from{options_.address, lookup.port};
  lookup.tries.push_back(judge_.asked(from, lookup.sent, verified, false));
  if (world_.trace.wanted())
    world_.trace.line(world_.now(), "{} asks {} type {}, try {}", name(), lookup.query.name,
                      lookup.query.type, lookup.tries.size());
  after(next->timeout, [this, number, tries = lookup.tries.size()] { time_out(number, tries); });
  world_.network.send(id(), from, server, lookup.sent);
}

void Client::time_out(std::uint64_t number, std::size_t tries) {
  const auto at = lookups_.find(number);
  if (at == lookups_.end() || at->second.tries.size() != tries) return;
  known_[at->second.now.server].lost(at->second.now.timeout);
  send(number);
}

void Client::icmp(const IcmpError& error) {
  const auto port = ports_.find(error.source.port);
  if (!options_.style.hears_icmp || !port_unreachable(error) || port == ports_.end()) return;
  const std::uint64_t number = port->second;
  Lookup& lookup = lookups_.at(number);
  if (options_.servers[lookup.now.server] != error.destination) return;
  ++counters_.icmp;
  if (error.about == 0) judge_.deceived(lookup.tries.back());
  lookup.plan.refused(lookup.now.server);
  send(number);
}

/// What makes a resolver believe that an answer is the one it waits for.
bool Client::fits(const Lookup& lookup, const Packet& packet, const std::optional<AnswerText>& answer) const {
  return answer && packet.source == options_.servers[lookup.now.server] && answer->id == lookup.query.id &&
         std::ranges::equal(question_of(lookup.sent), answer->question);
}

void Client::receive(const Packet& packet) {
  const auto number = ports_.at(packet.destination.port);
  Lookup& lookup = lookups_.at(number);
  const auto answer = read_answer(packet.data);
  if (packet.from == options_.forger) {
    ++counters_.forged;
    if (fits(lookup, packet, answer)) judge_.accuse("query: " + name() + " believes a forged answer");
    return;
  }
  if (!answer) return judge_.accuse("query: " + name() + " got an answer that does not parse");
  if (std::ranges::find(options_.servers, packet.source) == options_.servers.end())
    return judge_.accuse("query: " + name() + " got an answer from " + to_string(packet.source));
  if (answer->id != lookup.query.id) return;  // late, for who had the port before
  check(lookup, *answer);
  if (options_.style.cookies && answer->cookie.size() > client_cookie_.size())
    cookies_[packet.source] = answer->cookie;
  if (options_.style.new_port) known_[lookup.now.server].answered(mono() - lookup.sent_at);
  world_.trace.line(world_.now(), "{} has its answer for {} from #{}", name(), lookup.query.name,
                    packet.number);
  judge_.answered(lookup.tries.back());
  if (options_.style.caches && answer->ttl)
    cached_[{lookup.query.name, lookup.query.type}] = mono() + std::chrono::seconds(*answer->ttl);
  close(number);
}

void Client::check(const Lookup& lookup, const AnswerText& answer) {
  const Bytes question = question_of(lookup.sent);
  const auto wrong = [&](const std::string& what) {
    judge_.accuse("query: " + name() + " asked for " + lookup.query.name + " and got " + what);
  };
  if (!std::ranges::equal(question, answer.question)) wrong("an answer to another question");
  if (options_.may_be_refused && answer.rcode == kRefused) return;
  if (answer.rcode != 0) wrong("rcode " + std::to_string(answer.rcode));
  if (lookup.query.type != kTypeA && lookup.query.type != kTypeAaaa) return;
  if (answer.addresses.empty()) wrong("no address");
  for (const IpAddress& ip : answer.addresses)
    if (!options_.right_answers.contains(ip)) wrong("the address " + to_string(ip));
}

}  // namespace flagfall::sim
