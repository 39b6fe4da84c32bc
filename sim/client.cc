#include "sim/client.hh"

#include <algorithm>

namespace flagfall::sim {
namespace {

/// RFC 1035 §4.1.1.
constexpr unsigned kRefused = 5;
constexpr std::uint16_t kDnsPort = 53;

}  // namespace

Client::Client(World& world, HostId id, SiteId site, const std::string& name, Options options, Judge& judge)
    : Host(world, id, site, name, HostClock(kStart, std::chrono::hours(1), Nanos(0), 0)),
      options_(std::move(options)),
      judge_(judge),
      random_(world.fork(name)),
      masters_{options_.servers, std::vector<RoundTrips>(options_.servers.size())} {
  world.network.route(options_.address, id);
  for (int i = 0; i < 8; ++i) client_cookie_.push_back(static_cast<std::uint8_t>(random_.next()));
  start();
}

void Client::ask(const std::string& name, std::uint16_t type) {
  ++counters_.wanted;
  const std::uint64_t number = next_++;
  const Question question{name, type};
  if (options_.style.caches) {
    if (const auto kept = cached_.find(question); kept != cached_.end() && mono() < kept->second) {
      ++counters_.from_cache;
      return;
    }
    if (!under_way_.try_emplace(question, number).second) {
      ++counters_.joined;
      return;
    }
  }
  lookups_.try_emplace(number, Lookup{question, &masters_, Tries(options_.style, 0, 0), mono()});
  const auto alias = aliases_.find(name);
  if (alias != aliases_.end() && mono() < alias->second.until) return follow(number, alias->second.target);
  query(number, name, masters_);
}

void Client::query(std::uint64_t number, const std::string& name, Servers& servers) {
  Lookup& lookup = lookups_.at(number);
  if (!lookup.tries.empty()) judge_.closed(lookup.tries.back());
  lookup.servers = &servers;
  lookup.plan = Tries(options_.style, servers.at.size(), number % servers.at.size());
  lookup.started = mono();
  lookup.tries.clear();
  lookup.query.name = name;
  lookup.query.type = lookup.wanted.second;
  lookup.query.edns = options_.style.edns;
  lookup.query.recursive = options_.style.kind == ResolverStyle::Kind::stub;
  send(number);
}

/// To the name server of the target's zone; who that is, the masters say.
void Client::follow(std::uint64_t number, const std::string& target) {
  Lookup& lookup = lookups_.at(number);
  lookup.target = target;
  if (const auto kept = cached_.find({target, lookup.wanted.second});
      kept != cached_.end() && mono() < kept->second) {
    ++counters_.from_cache;
    return close(number);
  }
  const std::string zone = target.substr(target.find('.') + 1);
  const auto cut = cuts_.find(zone);
  if (cut != cuts_.end() && mono() < cut->second.until) return query(number, target, cut->second.servers);
  // unbound minimises the name (RFC 9156).
  const bool minimised = options_.style.kind == ResolverStyle::Kind::unbound;
  query(number, minimised ? zone : target, masters_);
}

void Client::learn_cut(const Lookup& lookup, const AnswerText& answer) {
  Cut& cut = cuts_[lookup.target.substr(lookup.target.find('.') + 1)];
  std::vector<Endpoint> at;
  for (const IpAddress& ip : answer.glue)
    if (ip.family == options_.address.family) at.push_back({ip, kDnsPort});
  if (at.empty()) return;
  if (cut.servers.at != at) cut.servers = {at, std::vector<RoundTrips>(at.size())};
  cut.until = mono() + std::chrono::seconds(answer.cut_ttl);
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
  if (!lookup.tries.empty()) judge_.closed(lookup.tries.back());
  if (options_.style.caches) under_way_.erase(lookup.wanted);
  lookups_.erase(number);
}

void Client::send(std::uint64_t number) {
  Lookup& lookup = lookups_.at(number);
  const auto next = lookup.plan.next(lookup.servers->known, mono() - lookup.started, random_);
  if (!next) {
    world_.trace.line(world_.now(), "{} gives up on {}", name(), lookup.query.name);
    judge_.gave_up(lookup.tries);
    return close(number);
  }
  lookup.now = *next;
  lookup.sent_at = mono();
  const Endpoint& server = lookup.servers->at[next->server];
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
  after(next->timeout, [this, number, count = ++lookup.sent_count] { time_out(number, count); });
  world_.network.send(id(), from, server, lookup.sent);
}

void Client::time_out(std::uint64_t number, unsigned sent_count) {
  const auto at = lookups_.find(number);
  if (at == lookups_.end() || at->second.sent_count != sent_count) return;
  at->second.servers->known[at->second.now.server].lost(at->second.now.timeout);
  send(number);
}

void Client::icmp(const IcmpError& error) {
  const auto port = ports_.find(error.source.port);
  if (!options_.style.hears_icmp || !port_unreachable(error) || port == ports_.end()) return;
  const std::uint64_t number = port->second;
  Lookup& lookup = lookups_.at(number);
  if (lookup.servers->at[lookup.now.server] != error.destination) return;
  ++counters_.icmp;
  if (error.about == 0) judge_.deceived(lookup.tries.back());
  lookup.plan.refused(lookup.now.server);
  send(number);
}

/// What makes a resolver believe that an answer is the one it waits for.
bool Client::fits(const Lookup& lookup, const Packet& packet, const std::optional<AnswerText>& answer) {
  return answer && packet.source == lookup.servers->at[lookup.now.server] && answer->id == lookup.query.id &&
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
  if (answer->id != lookup.query.id) return judge_.missed(packet.number);  // for who had the port before
  if (std::ranges::find(lookup.servers->at, packet.source) == lookup.servers->at.end())
    return judge_.accuse("query: " + name() + " got an answer from " + to_string(packet.source));
  check(lookup, *answer);
  if (options_.style.cookies && answer->cookie.size() > client_cookie_.size())
    cookies_[packet.source] = answer->cookie;
  if (options_.style.new_port) lookup.servers->known[lookup.now.server].answered(mono() - lookup.sent_at);
  world_.trace.line(world_.now(), "{} has its answer for {} from #{}", name(), lookup.query.name,
                    packet.number);
  judge_.took(packet.number);
  found(number, *answer);
}

void Client::found(std::uint64_t number, const AnswerText& answer) {
  const Lookup& lookup = lookups_.at(number);
  const auto kept = [&] {
    return mono() + std::max<Nanos>(std::chrono::seconds(*answer.ttl), options_.least_ttl);
  };
  if (seeks_cut(lookup)) {
    learn_cut(lookup, answer);
    return follow(number, lookup.target);
  }
  if (!answer.target.empty()) {
    ++counters_.followed;
    aliases_[lookup.wanted.first] = {answer.target, kept()};
    return follow(number, answer.target);
  }
  if (!lookup.target.empty() && answer.rcode != 0) {  // the judge has seen whether that was right
    judge_.gave_up({});
    return close(number);
  }
  judge_.answered(lookup.tries.back());
  if (options_.style.caches && answer.ttl) cached_[{lookup.query.name, lookup.query.type}] = kept();
  close(number);
}

void Client::check(const Lookup& lookup, const AnswerText& answer) {
  const Bytes question = question_of(lookup.sent);
  const auto wrong = [&](const std::string& what) {
    judge_.accuse("query: " + name() + " asked for " + lookup.query.name + " and got " + what);
  };
  if (!std::ranges::equal(question, answer.question)) wrong("an answer to another question");
  if (seeks_cut(lookup)) {
    if (answer.rcode != 0 || !lookup.target.ends_with("." + answer.cut) || answer.cut.empty())
      wrong("no referral");
    return;
  }
  if (answer.rcode == kRefused && (options_.may_be_refused || !lookup.target.empty())) return;
  if (answer.rcode != 0) wrong("rcode " + std::to_string(answer.rcode));
  if (lookup.query.type != kTypeA && lookup.query.type != kTypeAaaa) return;
  const bool leads_on = !answer.target.empty() && lookup.target.empty() && !lookup.query.recursive;
  if (answer.addresses.empty() && !leads_on) wrong("no address");
  for (const IpAddress& ip : answer.addresses)
    if (!options_.right_answers.contains(ip)) wrong("the address " + to_string(ip));
}

}  // namespace flagfall::sim
