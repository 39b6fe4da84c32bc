#include "master/http_races.hh"

#include <algorithm>
#include <cassert>
#include <utility>

#include "common/http/backend_request.hh"

namespace flagfall::master {
namespace {

/// So long after the instant an acknowledgement may still come: the kernel's own copies leave after 0.2, 0.6
/// and 1.4 s. The ledger remembers races for about as long.
constexpr Nanos kHeard = std::chrono::seconds(2);

Fallback reason(net::Handover result) {
  switch (result) {
    case net::Handover::options:
      return Fallback::tcp_options;
    case net::Handover::busy:
      return Fallback::tcp_busy;
    case net::Handover::room:
      return Fallback::tcp_room;
    case net::Handover::closing:
      return Fallback::tcp_closing;
    default:
      return Fallback::tcp_failed;
  }
}

/// One millisecond for each segment's timestamp, one before them and one after (SegmentRace).
Nanos least_delay(unsigned runners) {
  return std::chrono::milliseconds(runners + 2);
}

}  // namespace

HttpRaces::HttpRaces(const HttpRaceOptions& options, Random& random, RaceLog* log)
    : options_(options),
      book_(options.order_size, static_cast<std::uint8_t>(options.loop), options.slaves, options.max_slaves),
      start_line_(options.max_slaves, options.loop, options.epoch),
      guard_(options.guard, options.fronts, random),
      lots_(random.next()),
      hash_(random),
      log_(log),
      request_(options.order_size),
      flights_(options.most),
      by_client_(options.most) {
  assert(options.loop < 256 && options.max_slaves >= 1 && options.max_slaves <= kMostRunners);
  for (std::uint32_t i = 0; i < options.most; ++i) free_.push_back(i);
}

void HttpRaces::take_over(std::shared_ptr<const Snapshot> snapshot) {
  assert(ordered_ == 0);
  book_.take_over(*snapshot);
  snapshot_ = std::move(snapshot);
}

std::optional<Fallback> HttpRaces::line_up(const HttpRaceOffer& offer, const Course& course, MonoTime now,
                                           LineUp& out) noexcept {
  const RacedService& service = snapshot_->services[offer.site.service];
  if (const auto why = StartLine::closed(*snapshot_, now)) return why;
  if (service.delay > most_delay_) return Fallback::tcp_delay;
  // From now on: when the request has waited for long, the instant is later.
  if (const auto why =
          start_line_.line_up(*snapshot_, now, service.delay, now, service.web, course.address, out))
    return why;
  if (!offer.alone) return Fallback::tcp_busy;
  if (free_.empty()) return Fallback::races_in_flight;
  if (service.race_share < 1 && lots_.unit() >= service.race_share) return Fallback::not_sampled;
  return std::nullopt;
}

bool HttpRaces::race(const HttpRaceOffer& offer, const Course& course, HttpRaceOutput& output) noexcept {
  const RacedService& service = snapshot_->services[offer.site.service];
  // Nothing is lost by it where races are shadows: over DNS the slaves' times are seen.
  if (service.shadow || service.delegated) return false;
  const auto refused = [this](Fallback why) {
    counters_.fallback.count(why);
    return false;
  };
  LineUp line_up;
  const MonoTime asked = output.now();
  if (const auto why = this->line_up(offer, course, asked, line_up)) return refused(*why);
  const std::size_t longest = write_answers(offer, line_up);
  if (longest == 0) return refused(Fallback::too_big);
  const net::TcpFit fit = output.look_at(longest + line_up.count);
  if (fit.result != net::Handover::fits) return refused(reason(fit.result));
  if (!fit.timestamps && !options_.early_octets) return refused(Fallback::tcp_options);
  // Content has all the room that there is: nobody knows yet how long it will be.
  const std::size_t early = fit.timestamps ? 0 : line_up.count;
  const bool contents = offer.site.contents && write_request(offer, course.client.ip, longest);
  const std::size_t length = contents ? std::max(longest, std::min(kMostAnswer, fit.room) - early) : longest;
  pad(offer, kMostRunners, length);
  if (!contents)
    for (unsigned i = 0; i < line_up.count; ++i) pad(offer, i, length);
  // The handshake has shown that the client has its address. What cannot be raced costs nothing.
  if (const auto why = guard_.take(course.client.ip, true, asked)) return refused(*why);
  if (ordered_ == kMostQueries) (void)flush(output);
  const net::TcpHandoff held = output.hand_over(answer(kMostRunners));
  if (held.result != net::Handover::fits) {
    counters_.fallback.count(Fallback::tcp_failed);
    return held.held > 0;
  }
  const MonoTime now = output.now();
  const MonoTime due = std::max(course.received + service.delay, now + least_delay(line_up.count));
  line_up.instant = snapshot_->clock.to_ref(due);
  const SegmentRace race({.client = course.client,
                          .server = course.server,
                          .send_next = held.send_next,
                          .receive_next = held.receive_next,
                          .window = held.window,
                          .clock = held.clock,
                          .answer = static_cast<std::uint16_t>(length),
                          .timestamps = fit.timestamps},
                         line_up.count, due - now);
  output.send_packet(race.old_octet());
  order(line_up, race, course, offer, contents);
  start_line_.started();
  if (offer.site.contents) ++(contents ? counters_.contents : counters_.not_contents);

  RaceStarted& s = started_.at(ordered_);
  s = {.id = line_up.id,
       .instant = line_up.instant,
       .due = due,
       .received = course.received,
       .delay = due - course.received,
       .expected = snapshot_->clock.expected_at(now),
       .question = line_up.id,  // nobody asks for a race again: a retry is TCP's
       .client = course.client,
       .service = offer.site.service,
       .address = course.address,
       .count = static_cast<std::uint8_t>(line_up.count)};
  for (unsigned i = 0; i < line_up.count; ++i) s.runners.at(i) = line_up.runners.at(i).slave;

  if (const auto before = find(course.client, course.server)) {
    ++counters_.unheard;
    end(*before);
  }
  const std::uint32_t slot = free_.front();
  Flight& flight = flights_[slot];
  flight.race.emplace(race);
  flight.id = s.id;
  flight.hash = hash_of(course.client);
  flight.until = s.due + kHeard;
  flight.slaves = s.runners;
  flight.self = free_.begin();
  flying_.splice(flying_.end(), free_, free_.begin());
  by_client_.insert(flight.hash, slot);
  slots_.at(ordered_++) = slot;
  return true;
}

std::size_t HttpRaces::write_answers(const HttpRaceOffer& offer, const LineUp& line_up) noexcept {
  const std::vector<std::uint16_t>& slaves = snapshot_->services[offer.site.service].slaves;
  std::size_t longest = 0;
  const auto write = [&](std::size_t place, std::size_t server) {
    answers_.at(place).location = &*offer.site.locations[server];
    pad(offer, place, 0);
    longest = std::max(longest, answers_.at(place).size);
  };
  for (unsigned i = 0; i < line_up.count; ++i) {
    const auto server = std::ranges::find(slaves, line_up.runners.at(i).slave) - slaves.begin();
    write(i, static_cast<std::size_t>(server));
  }
  write(kMostRunners, offer.choice);
  return longest > std::min(kMostAnswer, book_.most_segment()) ? 0 : longest;
}

void HttpRaces::pad(const HttpRaceOffer& offer, std::size_t place, std::size_t length) noexcept {
  Answer& a = answers_.at(place);
  const std::size_t blanks = length > a.size ? length - a.size : 0;
  if (length > 0 && blanks == 0) return;  // it is as long
  ByteWriter out(a.octets);
  a.blanks = offer.redirect.write(*a.location, out, blanks);
  a.size = out.ok() ? out.size() : SIZE_MAX;
}

bool HttpRaces::write_request(const HttpRaceOffer& offer, const IpAddress& client,
                              std::size_t redirect) noexcept {
  const std::size_t most = book_.most_content();
  if (redirect >= most) return false;
  ByteWriter out(MutableBytes(request_).first(most - redirect));
  if (!http::write_backend_request(offer.request, offer.redirect.values.host, client, out)) return false;
  request_size_ = out.size();
  return true;
}

void HttpRaces::order(const LineUp& line_up, const SegmentRace& race, const Course& course,
                      const HttpRaceOffer& offer, bool contents) noexcept {
  wire::Order order;
  order.race = line_up.id;
  order.instant = line_up.instant;
  order.address = course.address;
  order.client = course.client;
  for (unsigned i = 0; i < line_up.count; ++i) {
    const Runner& runner = line_up.runners.at(i);
    order.service = runner.service;
    const wire::TcpSegment segment = race.segment(i);
    order.segment = {.sequence = segment.sequence,
                     .acknowledgement = segment.acknowledgement,
                     .timestamp = segment.timestamps ? segment.timestamps->value : 0,
                     .window = segment.window,
                     .early = race.early(i)};
    order.request = as_bytes(answer(i));
    if (contents) {
      order.content = {.length = race.connection().answer,
                       .blanks = static_cast<std::uint16_t>(answers_.at(i).blanks),
                       .close = offer.redirect.ending.close,
                       .redirect = order.request};
      order.request = Bytes(request_).first(request_size_);
    }
    book_.add(runner.slave, ordered_, order);
  }
}

unsigned HttpRaces::flush(HttpRaceOutput& output) noexcept {
  if (ordered_ == 0) return 0;
  const MonoTime now = output.now();
  const std::uint64_t sent = book_.flush(snapshot_->clock.to_ref(now), output);
  for (unsigned i = 0; i < ordered_; ++i) {
    RaceStarted& s = started_.at(i);
    if (((sent >> i) & 1U) == 0) {
      // The kernel's own copy is the answer.
      counters_.fallback.count(Fallback::order_send_failed);
      if (const auto slot = slots_.at(i); flights_[slot].race && flights_[slot].id == s.id) end(slot);
      continue;
    }
    ++counters_.races;
    s.dispatch = now - (s.due - s.delay);
    if (log_ != nullptr) log_->log(s);
  }
  return std::exchange(ordered_, 0);
}

void HttpRaces::look(const wire::TcpView& packet, MonoTime at) noexcept {
  const auto slot = find(packet.source, packet.destination);
  if (!slot) return;
  Flight& flight = flights_[*slot];
  const SegmentRace::Told told = flight.race->look(packet);
  switch (told.outcome) {
    case SegmentRace::Outcome::not_yet:
      return;
    case SegmentRace::Outcome::won:
      ++counters_.won;
      if (log_ != nullptr) log_->log(SegmentWon{flight.id, at, flight.slaves.at(*told.winner)});
      break;
    case SegmentRace::Outcome::unclear:
      ++counters_.unclear;
      break;
    case SegmentRace::Outcome::fallback:
      ++counters_.own_copy;
      break;
    case SegmentRace::Outcome::closed:
      ++counters_.reset;
      break;
  }
  end(*slot);
}

void HttpRaces::advance(MonoTime now) noexcept {
  while (!flying_.empty() && flights_[flying_.front()].until <= now) {
    ++counters_.unheard;
    end(flying_.front());
  }
}

std::uint64_t HttpRaces::hash_of(const Endpoint& client) const {
  return hash_.finish(hash_.mix(hash_.mix(hash_.start(), client.port), Bytes(client.ip.octets)));
}

std::optional<std::uint32_t> HttpRaces::find(const Endpoint& client, const Endpoint& server) const {
  return by_client_.find(hash_of(client), [&](std::uint32_t slot) {
    const HandedOver& c = flights_[slot].race->connection();
    return c.client == client && c.server == server;
  });
}

void HttpRaces::end(std::uint32_t slot) noexcept {
  Flight& flight = flights_[slot];
  by_client_.erase(flight.hash, slot);
  flight.race.reset();
  free_.splice(free_.begin(), flying_, flight.self);
}

}  // namespace flagfall::master
