#include "sim/client.hh"

namespace flagfall::sim {
namespace {

using std::chrono::milliseconds;

}  // namespace

const std::vector<ResolverStyle> kResolverStyles = {
    {.name = "stub"},
    {.name = "stub with EDNS", .tries = 3, .edns = true},
    // unbound's first time-out for an unknown server is 376 ms, doubled up to five times.
    {.name = "unbound",
     .timeout = milliseconds(376),
     .growth = 2,
     .tries = 5,
     .new_port = true,
     .edns = true},
    {.name = "unbound, 0x20",
     .timeout = milliseconds(376),
     .growth = 2,
     .tries = 5,
     .new_port = true,
     .edns = true,
     .mixed_case = true},
    {.name = "with cookies",
     .timeout = milliseconds(800),
     .growth = 2,
     .tries = 4,
     .new_port = true,
     .edns = true,
     .cookies = true},
};

Client::Client(World& world, HostId id, SiteId site, const std::string& name, Options options, Judge& judge)
    : Host(world, id, site, name, HostClock(kStart, std::chrono::hours(1), Nanos(0), 0)),
      options_(std::move(options)),
      judge_(judge),
      random_(world.fork(name)) {
  world.network.route(options_.address, id);
  for (int i = 0; i < 8; ++i) client_cookie_.push_back(static_cast<std::uint8_t>(random_.next()));
  start();
}

void Client::ask(const std::string& name, std::uint16_t type) {
  const std::uint64_t number = next_++;
  Lookup& lookup = lookups_[number];
  lookup.query.name = name;
  lookup.query.type = type;
  lookup.query.edns = options_.style.edns;
  lookup.timeout = options_.style.timeout;
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

void Client::send(std::uint64_t number) {
  Lookup& lookup = lookups_.at(number);
  lookup.server = options_.servers[(number + lookup.tries.size()) % options_.servers.size()];
  bool verified = false;
  if (lookup.tries.empty() || options_.style.new_port) open_port(lookup, number);
  if (options_.style.cookies) {
    const auto known = cookies_.find(lookup.server);
    verified = known != cookies_.end();
    lookup.query.cookie = verified ? known->second : client_cookie_;
  }
  if (lookup.tries.empty() || options_.style.new_port)
    lookup.sent = write_query(lookup.query, options_.style.mixed_case ? &random_ : nullptr);
  const Endpoint from{options_.address, lookup.port};
  lookup.tries.push_back(judge_.asked(from, lookup.sent, verified, false));
  if (world_.trace.wanted())
    world_.trace.line(world_.now(), "{} asks {} type {}, try {}", name(), lookup.query.name,
                      lookup.query.type, lookup.tries.size());
  world_.network.send(id(), from, lookup.server, lookup.sent);
  after(lookup.timeout, [this, number, tries = lookup.tries.size()] { time_out(number, tries); });
  lookup.timeout *= options_.style.growth;
}

void Client::time_out(std::uint64_t number, std::size_t tries) {
  const auto at = lookups_.find(number);
  if (at == lookups_.end() || at->second.tries.size() != tries) return;
  if (tries < options_.style.tries) return send(number);
  world_.trace.line(world_.now(), "{} gives up on {}", name(), at->second.query.name);
  judge_.gave_up(at->second.tries);
  ports_.erase(at->second.port);
  lookups_.erase(at);
}

void Client::receive(const Packet& packet) {
  const auto number = ports_.at(packet.destination.port);
  Lookup& lookup = lookups_.at(number);
  const auto answer = read_answer(packet.data);
  // Nobody forges answers in this world.
  if (!answer) return judge_.accuse("query: " + name() + " got an answer that does not parse");
  if (std::ranges::find(options_.servers, packet.source) == options_.servers.end())
    return judge_.accuse("query: " + name() + " got an answer from " + to_string(packet.source));
  if (answer->id != lookup.query.id) return;  // late, for who had the port before
  check(lookup, *answer);
  if (options_.style.cookies && answer->cookie.size() > client_cookie_.size())
    cookies_[packet.source] = answer->cookie;
  world_.trace.line(world_.now(), "{} has its answer for {} from #{}", name(), lookup.query.name,
                    packet.number);
  judge_.answered(lookup.tries.back());
  ports_.erase(lookup.port);
  lookups_.erase(number);
}

void Client::check(const Lookup& lookup, const AnswerText& answer) {
  const Bytes question = question_of(lookup.sent);
  const auto wrong = [&](const std::string& what) {
    judge_.accuse("query: " + name() + " asked for " + lookup.query.name + " and got " + what);
  };
  if (!std::ranges::equal(question, answer.question)) wrong("an answer to another question");
  if (answer.rcode != 0) wrong("rcode " + std::to_string(answer.rcode));
  if (lookup.query.type != kTypeA && lookup.query.type != kTypeAaaa) return;
  if (answer.addresses.empty()) wrong("no address");
  for (const IpAddress& ip : answer.addresses)
    if (!options_.right_answers.contains(ip)) wrong("the address " + to_string(ip));
}

}  // namespace flagfall::sim
