#include "master/udp_races.hh"

#include <algorithm>
#include <cassert>
#include <utility>

namespace flagfall::master {
namespace {

/// Slaves are not on the client's link.
bool answerable(const Endpoint& client) {
  const auto& octets = client.ip.octets;
  const bool link_local = client.ip.family == Family::v6 && octets[0] == 0xfe && (octets[1] & 0xc0U) == 0x80;
  return client.port != 0 && client.ip.unicast() && !link_local;
}

}  // namespace

UdpRaces::UdpRaces(const UdpRaceOptions& options, Random& random, RaceLog* log)
    : options_(options),
      book_(options.order_size, static_cast<std::uint8_t>(options.loop), options.slaves, options.max_slaves),
      start_line_(options.max_slaves, options.loop, options.epoch),
      guard_(options.guard, 1, random),
      limit_(options.limit, random),
      guide_({}, random),
      asked_(random),
      lots_(random.next()),
      log_(log),
      counters_(options.max_request.size()),
      led_(options.max_request.size()) {
  assert(options.loop < 256 && options.max_slaves >= 1 && options.max_slaves <= kMostRunners);
}

void UdpRaces::take_over(std::shared_ptr<const Snapshot> snapshot) {
  assert(ordered_ == 0);
  book_.take_over(*snapshot);
  snapshot_ = std::move(snapshot);
}

std::uint64_t UdpRaces::races() const {
  std::uint64_t n = 0;
  for (const UdpCounters& each : counters_) n += each.races.get();
  return n;
}

void UdpRaces::request(const Datagram& datagram) noexcept {
  assert(ordered_ < kMostQueries && datagram.service < counters_.size());
  UdpCounters& count = counters_[datagram.service];
  ++count.requests;
  if (datagram.octets.empty() && !datagram.truncated) {
    ++count.empty;
    return;
  }
  if (datagram.truncated || datagram.octets.size() > options_.max_request[datagram.service]) {
    ++count.too_big;
    return;
  }
  if (!answerable(datagram.client)) {
    ++count.unanswerable;
    return;
  }
  if (std::ranges::find(options_.own, datagram.client) != options_.own.end()) {
    ++count.own;
    return;
  }
  const auto way = way_of(datagram);
  if (!way || way->race) {
    const auto why = race(datagram);
    if (!why) return;
    fallback_.count(*why);
  }
  alone(datagram, way);
}

/// None: the service has no director, and races all.
std::optional<Guide::Way> UdpRaces::way_of(const Datagram& datagram) noexcept {
  const RacedService& service = snapshot_->services[datagram.service];
  if (!service.view) return std::nullopt;
  const Guide::Way way = guide_.decide(service, datagram.client.ip);
  const bool known = !way.learning && way.wait == Nanos(0);
  if (log_ != nullptr)
    if (const auto requests = asked_.tell(datagram.service, way.about, known, times_.now, service.counted);
        requests > 0)
      log_->log(NetworkAsked{way.about, datagram.service, requests});
  return way;
}

std::optional<Fallback> UdpRaces::race(const Datagram& datagram) noexcept {
  const RacedService& service = snapshot_->services[datagram.service];
  if (const auto why = StartLine::closed(*snapshot_, times_.now)) return why;
  const MonoTime received = received_at(datagram.stamp, times_);
  const MonoTime timestamp = options_.timestamp == RaceOptions::Timestamp::receipt ? received : times_.now;
  LineUp line_up;
  if (const auto why = start_line_.line_up(*snapshot_, timestamp, service.delay, times_.now, service.udp,
                                           datagram.address, line_up))
    return why;
  // One runner needs no instant: the client would wait for nothing.
  if (line_up.count == 1) return Fallback::no_rival;
  if (service.race_share < 1 && lots_.unit() >= service.race_share) return Fallback::not_sampled;
  if (const auto why = guard_.take(datagram.client.ip, false, times_.now)) return why;
  wire::Order order;
  order.race = line_up.id;
  order.instant = line_up.instant;
  order.address = datagram.address;
  order.client = datagram.client;
  order.request = datagram.octets;
  for (unsigned i = 0; i < line_up.count; ++i) {
    const Runner& runner = line_up.runners.at(i);
    order.service = runner.service;
    book_.add(runner.slave, ordered_, order);
  }
  start_line_.started();
  Ordered& ordered = orders_.at(ordered_++);
  ordered.service = datagram.service;
  ordered.race = true;
  note(line_up, datagram, ordered);
  return std::nullopt;
}

void UdpRaces::note(const LineUp& line_up, const Datagram& datagram, Ordered& out) const noexcept {
  const Nanos delay = snapshot_->services[datagram.service].delay;
  out.started = {.id = line_up.id,
                 .instant = line_up.instant,
                 .due = line_up.timestamp + delay,
                 .received = received_at(datagram.stamp, times_),
                 .delay = delay,
                 .expected = snapshot_->clock.expected_at(times_.now),
                 .question = line_up.id,  // what is asked is the protocol's matter
                 .client = datagram.client,
                 .service = datagram.service,
                 .address = datagram.address,
                 .count = static_cast<std::uint8_t>(line_up.count)};
  for (unsigned i = 0; i < line_up.count; ++i) out.started.runners.at(i) = line_up.runners.at(i).slave;
}

void UdpRaces::alone(const Datagram& datagram, const std::optional<Guide::Way>& way) noexcept {
  UdpCounters& count = counters_[datagram.service];
  if (limit_.judge(datagram.client.ip, times_.now) != dns::RateLimit::Verdict::answer) {
    ++count.limited;
    return;
  }
  const Runner* const runner = choose(snapshot_->services[datagram.service], datagram, way);
  if (runner == nullptr) {
    ++count.nobody;
    return;
  }
  wire::Order order;
  order.prompt = true;
  order.instant = snapshot_->clock.to_ref(times_.now);
  order.service = runner->service;
  order.address = datagram.address;
  order.client = datagram.client;
  order.request = datagram.octets;
  book_.add(runner->slave, ordered_, order);
  Ordered& ordered = orders_.at(ordered_++);
  ordered.service = datagram.service;
  ordered.race = false;
  ordered.bound = way && !way->race;
  ++led_[datagram.service].at(runner->server);
}

/// The director's choice among those that can answer; without a director any of them, by lot.
const Runner* UdpRaces::choose(const RacedService& service, const Datagram& datagram,
                               const std::optional<Guide::Way>& way) noexcept {
  const auto can = [&](const Runner& r) { return ((r.ready >> datagram.address) & 1U) != 0; };
  director::ServerMask able = 0;
  for (const Runner& runner : service.alone)
    if (can(runner)) able |= director::bit(runner.server);
  if (able == 0 || (service.nobody_fit && service.refuse)) return nullptr;
  const auto server = way ? [&]() -> std::optional<director::ServerIndex> {
    const director::Order line =
        service.view->line_up(way->order, able & service.view->fit, 1, lots_, way->spare);
    return line.empty() ? std::nullopt : std::optional(line.best());
  }()
      : director::View::draw(able, {}, lots_);
  if (!server) return nullptr;
  const auto at = std::ranges::find(service.alone, *server, &Runner::server);
  return at == service.alone.end() ? nullptr : &*at;
}

void UdpRaces::finish(MonoTime now, OrderSink& sink) noexcept {
  if (ordered_ == 0) return;
  const std::uint64_t sent = book_.flush(snapshot_->clock.to_ref(now), sink);
  const unsigned ordered_count = std::exchange(ordered_, 0);
  for (unsigned i = 0; i < ordered_count; ++i) {
    Ordered& ordered = orders_.at(i);
    UdpCounters& count = counters_[ordered.service];
    if (((sent >> i) & 1U) == 0) {
      ++count.unsent;
      continue;
    }
    ++(ordered.race ? count.races : ordered.bound ? count.bound : count.alone);
    if (!ordered.race || log_ == nullptr) continue;
    ordered.started.dispatch = now - (ordered.started.due - ordered.started.delay);
    log_->log(ordered.started);
  }
}

}  // namespace flagfall::master
