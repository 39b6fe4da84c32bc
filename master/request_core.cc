#include "master/request_core.hh"

#include <bit>
#include <cassert>
#include <utility>

#include "common/wire/quoted_answer.hh"

namespace flagfall::master {
namespace {

RaceOptions race_options(const RequestOptions& options, const OrderBook& book) {
  RaceOptions out = options.race;
  out.most_request = book.most_request();
  return out;
}

/// "Port unreachable" (RFC 792, RFC 4443 §3.1), said by the host that the answer went to: only this is a word
/// about the client's port. Routers and firewalls say other things, or say it of themselves.
bool of_the_port(const net::UdpError& error) {
  const bool v4 = error.to.ip.family == Family::v4;
  return error.type == (v4 ? 3 : 1) && error.code == (v4 ? 3 : 4) && error.offender == error.to.ip;
}

constexpr std::uint16_t kRecursionDesired = 0x0100;  // RFC 1035 §4.1.1

/// Seconds since 1970 modulo 2^32, as cookies have them (RFC 9018 §4.3).
std::uint32_t cookie_time(const BurstTimes& times) {
  return static_cast<std::uint32_t>((times.now.time_since_epoch() + times.real_minus_mono).count() /
                                    1'000'000'000);
}

}  // namespace

RequestCore::RequestCore(const RequestOptions& options, dns::FrontEnd& front_end, Random& random,
                         RaceLog* log)
    : front_end_(front_end),
      book_(options.order_size, static_cast<std::uint8_t>(options.loop), options.slaves,
            options.race.max_slaves),
      race_(race_options(options, book_), options.loop, options.loops, options.epoch, random),
      limit_(options.limit, random),
      question_hash_(options.epoch),
      guide_(options.guide, random),
      asked_(random),
      unique_(options.unique_names, options.epoch),
      led_(options.services),
      log_(log) {}

void RequestCore::take_over(std::shared_ptr<const Snapshot> snapshot) {
  assert(raced_ == 0);
  book_.take_over(*snapshot);
  if (snapshot->zones) front_end_.use(*snapshot->zones);
  if (snapshot->cookies) front_end_.use(*snapshot->cookies);
  if (snapshot->limit) limit_.use(*snapshot->limit);
  snapshot_ = std::move(snapshot);
}

void RequestCore::begin(const BurstTimes& times) noexcept {
  times_ = times;
  queries_ = 0;
  burst_races_ = 0;
}

void RequestCore::prepare(const IpAddress& client) const noexcept {
  limit_.prepare(client);
  if (likely_ >= snapshot_->services.size()) return;
  if (const director::View* const view = snapshot_->services[likely_].view.get()) view->prepare(client);
}

void RequestCore::query(Bytes packet, const Endpoint& client, RealTime stamp, std::uint8_t address,
                        RequestOutput& output) noexcept {
  assert(queries_ < kMostQueries);
  const MonoTime received = received_at(stamp, times_);
  if (stamp != RealTime()) counters_.queue_age.add(times_.now - received);
  wire::DnsQuery query;
  const MutableBytes room = output.answer_room();
  const auto result =
      front_end_.handle(packet, client, dns::Transport::udp, cookie_time(times_), query, room);
  if (result.action != dns::FrontEnd::Result::Action::silence && unique_.on())
    unique_.asked(query.name_bytes(), client.ip, times_.now, log_);
  switch (result.action) {
    case dns::FrontEnd::Result::Action::silence:
      break;
    case dns::FrontEnd::Result::Action::answer:
      send(query, result, result.length, client, output);
      break;
    case dns::FrontEnd::Result::Action::race:
      race_or_answer(query, result,
                     {.client = client.ip,
                      .name = query.name_bytes(),
                      .type = query.type,
                      .service = result.service,
                      .address = address,
                      .verified = result.verified,
                      .recursive = (query.flags & kRecursionDesired) != 0,
                      .request_size = packet.size(),
                      .received = received},
                     client, output);
      break;
  }
  ++queries_;
}

void RequestCore::race_or_answer(const wire::DnsQuery& query, const dns::FrontEnd::Result& result,
                                 RaceQuestion question, const Endpoint& client,
                                 RequestOutput& output) noexcept {
  likely_ = result.service;
  const auto way = way_of(result.service, query, client.ip);
  if (way && !way->race) {
    if (way->wait > Nanos(0)) {
      if (held_.hold(query.packet, client, result, question.address, question.received + way->wait)) {
        ++counters_.held;
        return;
      }
      ++counters_.held_not;
    }
    ++counters_.bound;
    note_repetition(query, result, client.ip);
    answer(query, result, way, client, output);
    return;
  }
  if (way) question.known = Guide::known(snapshot_->services[result.service], *way);
  const RacePlan plan = race_.decide(*snapshot_, question, times_);
  if (!plan.race) {
    counters_.fallback.count(plan.why);
    if (plan.repeated && log_ != nullptr)
      log_->log(QuestionRepeated{client.ip, question_hash_(question.name, question.type)});
    answer(query, result, way, client, output);
    return;
  }
  Raced& raced = races_.at(queries_);
  raced.packet = query.packet;
  raced.client = client;
  raced.result = result;
  if (log_ != nullptr) {
    note(plan, question, query.id, raced);
    raced_lately_.remember(client.ip, raced.started.question, times_.now);
  }
  raced_ |= std::uint64_t{1} << queries_;
  if (plan.beacon) ++counters_.beacon_races;
  if (way && !way->learning) ++counters_.raced_again;
  order(plan, raced, question.address);
  if (!plan.shadow) return;
  shadow_ |= std::uint64_t{1} << queries_;
  answer(query, result, way, client, output);
}

/// What the ledger is told when the orders have left.
void RequestCore::note(const RacePlan& plan, const RaceQuestion& question, std::uint16_t dns_id,
                       Raced& raced) noexcept {
  RaceStarted& s = raced.started;
  const Nanos delay = snapshot_->services[question.service].delay;
  s.id = plan.id;
  s.instant = plan.instant;
  s.due = plan.timestamp + delay;
  s.received = question.received;
  s.delay = delay;
  s.expected = snapshot_->clock.expected_at(times_.now);
  s.question = question_hash_(question.name, question.type);
  s.client = raced.client;
  s.service = question.service;
  s.dns_id = dns_id;
  s.address = question.address;
  s.count = static_cast<std::uint8_t>(plan.count);
  s.echo = plan.echo;
  s.beacon = plan.beacon;
  s.shadow = plan.shadow;
  for (unsigned i = 0; i < plan.count; ++i) s.runners.at(i) = plan.runners.at(i).slave;
}

void RequestCore::note_repetition(const wire::DnsQuery& query, const dns::FrontEnd::Result& result,
                                  const IpAddress& client) noexcept {
  if (log_ == nullptr || !snapshot_->services[result.service].view->races) return;
  const std::uint64_t question = question_hash_(query.name_bytes(), query.type);
  if (raced_lately_.has(client, question, times_.now)) log_->log(QuestionRepeated{client, question});
}

void RequestCore::order(const RacePlan& plan, const Raced& raced, std::uint8_t address) noexcept {
  wire::Order order;
  order.race = plan.id;
  order.shadow = plan.shadow;
  order.beacon = plan.beacon;
  order.instant = plan.instant;
  order.address = address;
  order.client = raced.client;
  if (raced.result.has_cookie) order.server_cookie = raced.result.server_cookie;
  order.request = raced.packet;
  for (unsigned i = 0; i < plan.count; ++i) {
    const Runner& runner = plan.runners.at(i);
    order.service = runner.service;
    order.echo = i == plan.echo;
    book_.add(runner.slave, queries_, order);
  }
}

std::optional<Guide::Way> RequestCore::way_of(std::uint16_t service, const wire::DnsQuery& query,
                                              const IpAddress& client) noexcept {
  if (!snapshot_->services[service].view) return std::nullopt;
  Guide::Way way = guide_.decide(snapshot_->services[service], query, client);
  const Nanos wait = std::exchange(way.wait, Nanos(0));
  if (log_ == nullptr) return way;
  const bool known = !way.learning && wait == Nanos(0);
  const bool counted = snapshot_->services[service].counted;
  if (const auto queries = asked_.tell(service, way.about, known, times_.now, counted); queries > 0) {
    log_->log(NetworkAsked{way.about, service, queries, wait > Nanos(0)});
    way.wait = wait;
  }
  return way;
}

std::size_t RequestCore::ordinary(const wire::DnsQuery& query, const dns::FrontEnd::Result& result,
                                  const std::optional<Guide::Way>& way, dns::Transport transport,
                                  MutableBytes room) noexcept {
  if (way) {
    const bool v6 = query.type == wire::rrtype::kAaaa;
    const Guide::Answer told = guide_.answer(snapshot_->services[result.service], *way, v6);
    if (told.led && result.service < led_.size()) ++led_[result.service].at(*told.led);
    if (told.refuse) return front_end_.refuse(query, result, transport, room);
    if (told.records != nullptr)
      return front_end_.steered(query, result, transport, *told.records, way->scope, room);
  }
  return front_end_.ordinary(query, result, transport, room);
}

void RequestCore::answer(const wire::DnsQuery& query, const dns::FrontEnd::Result& result,
                         const std::optional<Guide::Way>& way, const Endpoint& client,
                         RequestOutput& output) noexcept {
  const std::size_t length = ordinary(query, result, way, dns::Transport::udp, output.answer_room());
  if (length > 0) send(query, result, length, client, output);
}

/// What stands in the answer room, unless this client's network has had enough.
void RequestCore::send(const wire::DnsQuery& query, const dns::FrontEnd::Result& result, std::size_t length,
                       const Endpoint& client, RequestOutput& output) noexcept {
  using Verdict = dns::RateLimit::Verdict;
  const Verdict verdict = result.verified ? Verdict::answer : limit_.judge(client.ip, times_.now);
  if (verdict != Verdict::answer) ++counters_.limited;
  if (verdict == Verdict::drop) return;
  if (verdict == Verdict::truncate) {
    ++counters_.slipped;
    length = front_end_.truncated(query, result, output.answer_room());
  }
  output.send_answer(length, client);
}

void RequestCore::finish(MonoTime now, RequestOutput& output) noexcept {
  if (raced_ == 0) return;
  const std::uint64_t ordered = book_.flush(snapshot_->clock.to_ref(now), output);
  burst_races_ = static_cast<unsigned>(std::popcount(raced_ & ordered & ~shadow_));
  counters_.races.add(burst_races_);
  counters_.shadow_races.add(static_cast<std::uint64_t>(std::popcount(shadow_ & ordered)));
  if (log_ != nullptr) log_started(raced_ & ordered, now);
  for (std::uint64_t left = raced_ & ~ordered; left != 0; left &= left - 1) {
    const Raced& raced = races_.at(static_cast<std::size_t>(std::countr_zero(left)));
    counters_.fallback.count(Fallback::order_send_failed);
    if (((shadow_ >> std::countr_zero(left)) & 1U) != 0) continue;
    wire::DnsQuery query;
    if (wire::parse_query(raced.packet, query) == wire::QueryVerdict::ok)
      answer(query, raced.result, way_of(raced.result.service, query, raced.client.ip), raced.client, output);
  }
  raced_ = 0;
  shadow_ = 0;
}

void RequestCore::log_started(std::uint64_t races, MonoTime now) noexcept {
  for (std::uint64_t left = races; left != 0; left &= left - 1) {
    RaceStarted& s = races_.at(static_cast<std::size_t>(std::countr_zero(left))).started;
    s.dispatch = now - (s.due - s.delay);
    log_->log(s);
  }
}

void RequestCore::release(std::uint8_t address, const BurstTimes& times, RequestOutput& output) noexcept {
  times_ = times;
  held_.release(address, [&](const HeldQuery& held) {
    wire::DnsQuery query;
    if (wire::parse_query(held.packet(), query) != wire::QueryVerdict::ok) return true;
    const Guide::Way way = guide_.decide(snapshot_->services[held.result.service], query, held.client.ip);
    const bool known = way.wait == Nanos(0);
    if (!known && times.now < held.until) return false;
    if (!known) ++counters_.held_in_vain;
    ++counters_.bound;
    note_repetition(query, held.result, held.client.ip);
    answer(query, held.result, way, held.client, output);
    return true;
  });
}

void RequestCore::error(const net::UdpError& error, std::uint8_t address, MonoTime at) noexcept {
  if (!of_the_port(error)) {
    ++counters_.errors_elsewhere;
    return;
  }
  const auto quote = wire::parse_quoted_answer(error.quoted);
  if (!quote) {
    ++counters_.errors_unreadable;
    return;
  }
  if (log_ == nullptr) return;
  static_assert(AnswerUnwanted::kMostAddresses == wire::QuotedAnswer::kMost);
  log_->log(AnswerUnwanted{.client = error.to,
                           .at = at,
                           .question = question_hash_(quote->name_bytes(), quote->type),
                           .ttl = quote->ttl,
                           .dns_id = quote->id,
                           .address = address,
                           .count = static_cast<std::uint8_t>(quote->count),
                           .answers = quote->addresses});
}

std::size_t RequestCore::stream_query(Bytes packet, const Endpoint& client, const BurstTimes& times,
                                      MutableBytes room) noexcept {
  wire::DnsQuery query;
  const auto result = front_end_.handle(packet, client, dns::Transport::tcp, cookie_time(times), query, room);
  if (result.length > 0 || result.action == dns::FrontEnd::Result::Action::race)
    unique_.asked(query.name_bytes(), client.ip, times.now, log_);
  if (result.action != dns::FrontEnd::Result::Action::race) return result.length;
  times_ = times;
  const auto way = way_of(result.service, query, client.ip);
  if (way && !way->race) {
    ++counters_.bound;
  } else {
    counters_.fallback.count(Fallback::tcp);
  }
  if (log_ != nullptr) log_->log(QuestionRepeated{client.ip, question_hash_(query.name_bytes(), query.type)});
  return ordinary(query, result, way, dns::Transport::tcp, room);
}

}  // namespace flagfall::master
