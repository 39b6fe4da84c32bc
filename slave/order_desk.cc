#include "slave/order_desk.hh"

#include <algorithm>
#include <cassert>
#include <utility>

#include "common/http/backend_request.hh"
#include "common/wire/dns_answer.hh"
#include "slave/beacon_label.hh"

namespace flagfall::slave {
namespace {

using Fate = wire::RaceOutcome::Fate;

/// More orders than any datagram holds: each takes 30 octets at least.
constexpr std::size_t kMostShots = 4096;
constexpr std::size_t kPerHundred = 100;  // wire::Service::amplification

/// Not port 0, no multicast (RFC 5771, RFC 4291 §2.7), no broadcast, no "this host": forgers of clients would
/// like that.
bool answerable(const Endpoint& client) {
  return client.port != 0 && client.ip.unicast();
}

const wire::PreparedRecords* records_for(const wire::DnsQuery& query, const PreparedService& service,
                                         bool echo) {
  if (query.klass != wire::kClassIn) return nullptr;
  const wire::PreparedRecords* records = nullptr;
  if (query.type == wire::rrtype::kA) records = echo ? &service.echo_a : &service.a;
  if (query.type == wire::rrtype::kAaaa) records = echo ? &service.echo_aaaa : &service.aaaa;
  return records != nullptr && records->count > 0 ? records : nullptr;
}

}  // namespace

OrderDesk::OrderDesk(Options options, std::size_t links, ShotPool& pool)
    : options_(std::move(options)),
      pool_(pool),
      cap_(options_.cap),
      prompt_cap_({options_.cap.rate, options_.cap.burst / 2}),
      links_(links),
      udp_up_(options_.udp_backends.size(), false) {
  udp_asks_.reserve(kMostShots);
  shots_.reserve(kMostShots);
  issued_.reserve(kMostShots);
  content_asks_.reserve(kMostShots);
  beacon_.bytes.reserve(kBeaconLabelAt + wire::kMaxName);
  for (Link& link : links_) {
    link.opener.reserve(1);
    link.outcomes.reserve(kMostOutcomes);
    link.wins.reserve(kMostWins);
  }
}

void OrderDesk::open_session(std::size_t link, std::uint32_t session, const net::SealKey& key) {
  Link& l = links_[link];
  close_session(link);
  l.open = true;
  l.session = session;
  l.opener.emplace_back(key);
}

wire::Ready OrderDesk::set_services(std::size_t link, const wire::Services& services, bool beacons) {
  links_[link].services =
      ServiceTable(services, options_.sources, beacons, {options_.udp_backends, options_.http_backends});
  return ready(link);
}

void OrderDesk::close_session(std::size_t link) {
  Link& l = links_[link];
  clear_outcomes(link, false);
  l.open = false;
  l.racing = false;
  l.opener.clear();
  l.services = ServiceTable();
}

OrderDesk::Link* OrderDesk::find(std::uint32_t session) {
  const auto at = std::ranges::find_if(links_, [&](const Link& l) { return l.open && l.session == session; });
  return at == links_.end() ? nullptr : &*at;
}

std::span<const std::uint32_t> OrderDesk::datagram(MutableBytes datagram, MonoTime received, const Now& now) {
  shots_.clear();
  udp_asks_.clear();
  issued_.clear();
  content_asks_.clear();
  ++counters_.datagrams;
  const auto header = net::parse_seal_header(datagram);
  if (!header) {
    ++counters_.malformed;
    return {};
  }
  Link* const link = find(header->session);
  if (link == nullptr) {
    ++counters_.unknown_session;
    return {};
  }
  const net::Opener::Opened opened = link->opener.front().open(datagram);
  switch (opened.verdict) {
    case net::Opener::Verdict::malformed:
      ++counters_.malformed;
      return {};
    case net::Opener::Verdict::replayed:
      ++counters_.replayed;
      return {};
    case net::Opener::Verdict::forged:
      ++counters_.forged;
      return {};
    case net::Opener::Verdict::ok:
      break;
  }
  wire::OrderReader reader(opened.plaintext);
  if (!reader.ok()) {
    ++counters_.bad_plaintext;
    return {};
  }
  if (reader.sent() < link->services.since()) {
    ++counters_.outdated;
    return {};
  }
  const Now theirs{now.mono, link->map != nullptr ? *link->map : now.map};
  const Arrival arrival{static_cast<std::size_t>(link - links_.data()), received,
                        theirs.map.to_ref(received) - reader.sent(),
                        theirs.map.to_ref(theirs.mono) - reader.sent(), theirs};
  wire::Order one;
  while (shots_.size() + udp_asks_.size() < kMostShots && reader.next(one)) order(one, arrival);
  if (!reader.ok()) ++counters_.bad_plaintext;
  return shots_;
}

void OrderDesk::order(const wire::Order& order, const Arrival& arrival) {
  ++counters_.orders;
  const MonoTime due = order.prompt ? arrival.now.mono : arrival.now.map.to_mono(order.instant);
  const PreparedService* const service = judge(order, arrival, due);
  if (service == nullptr) return;
  if (service->kind == wire::ServiceKind::datagrams) return ask(order, *service, arrival, due);
  if (order.prompt) return refuse(order, arrival, counters_.bad_request);
  const auto index = pool_.take();
  if (!index) return refuse(order, arrival, counters_.queue_full);
  Shot& shot = pool_[*index];
  const std::uint16_t source = service->sources[order.address];
  const bool built = order.segment ? build_segment(order, options_.sources[source], *index)
                                   : build(order, *service, *index, false);
  if (!built) {
    pool_.give_back(*index);
    return refuse(order, arrival, counters_.bad_request);
  }
  fill(shot, order, arrival, due);
  shot.source = order.segment ? packets_of(order.client) : source;
  if (order.shadow) return withhold(order, arrival, *index);
  if (shot.late) ++counters_.late_sent;
  if (order.content && !shot.late) ask_content(order, *service, options_.sources[source], *index);
  ++counters_.queued;
  shots_.push_back(*index);
  // What left at no known time says nothing by its echo.
  if (order.beacon)
    issued_.push_back({order.race, due, service->tag, shot.session, shot.link, order.client.ip});
  else if (order.echo && !shot.late)
    echo(order, *service, *index, arrival.now.mono);
}

void OrderDesk::fill(Shot& shot, const wire::Order& order, const Arrival& arrival, MonoTime due) const {
  shot.due = due;
  shot.echo = false;
  shot.race = order.race;
  shot.session = links_[arrival.link].session;
  shot.link = static_cast<std::uint16_t>(arrival.link);
  shot.late = arrival.now.mono > due;
  shot.prompt = order.prompt;
  shot.client = order.client;
  shot.one_way = arrival.one_way;
}

/// Its shot waits for the backend's answer. What a backend does not answer has no outcome: it says nothing of
/// the slave.
void OrderDesk::ask(const wire::Order& order, const PreparedService& service, const Arrival& arrival,
                    MonoTime due) {
  const std::size_t limit =
      std::min({std::size_t{service.most_answer}, kMaxAnswer,
                order.request.size() * std::size_t{service.amplification} / kPerHundred});
  if (order.segment || order.beacon || order.echo || order.shadow || !order.server_cookie.empty())
    return refuse(order, arrival, counters_.bad_request);
  if (limit == 0) {  // no answer is as short as this request allows
    ++counters_.too_long;
    return;
  }
  if (service.backend == kNoBackend || !udp_up_[service.backend]) {
    ++counters_.no_backend;
    return;
  }
  const auto index = pool_.take();
  if (!index) return refuse(order, arrival, counters_.queue_full);
  Shot& shot = pool_[*index];
  fill(shot, order, arrival, due);
  shot.source = service.sources[order.address];
  shot.drop_late = service.late == wire::LatePolicy::drop;
  ++counters_.asked;
  udp_asks_.push_back(
      {*index, service.backend, order.request, limit, {order.client, options_.sources[shot.source]}});
}

bool OrderDesk::answered(std::uint32_t index, std::size_t length, MonoTime now) {
  Shot& shot = pool_[index];
  shot.length = static_cast<std::uint16_t>(length);
  const Nanos lateness = now - shot.due;
  if (lateness > kOldest || (lateness > Nanos(0) && shot.drop_late && !shot.prompt)) {
    ++counters_.late_dropped;
    note_of(shot, {shot.race, Fate::dropped_late, shot.one_way, Nanos(0)});
    pool_.give_back(index);
    return false;
  }
  // For what is not timed the statistics of the transmit thread have no place.
  shot.late = shot.prompt || lateness > Nanos(0);
  if (shot.prompt) {
    ++counters_.prompt;
    shot.due = now;
  } else if (shot.late) {
    ++counters_.late_sent;
  }
  ++counters_.queued;
  return true;
}

void OrderDesk::unanswered(std::uint32_t shot, Unanswered why) {
  ++(why == Unanswered::too_long ? counters_.too_long : counters_.unanswered);
  pool_.give_back(shot);
}

/// Prepared like any other, so that its time says what a race's would.
void OrderDesk::withhold(const wire::Order& order, const Arrival& arrival, std::uint32_t index) {
  ++counters_.withheld;
  const Nanos late = std::max(arrival.now.mono - pool_[index].due, Nanos(0));
  note(links_[arrival.link], {order.race, Fate::withheld, arrival.one_way, late});
  pool_.give_back(index);
}

/// An echo counts against the cap like an answer, and is the first to be left out.
void OrderDesk::echo(const wire::Order& order, const PreparedService& service, std::uint32_t first,
                     MonoTime now) {
  const auto index =
      shots_.size() < kMostShots && cap_.may_take(cap_full_at_, now) ? pool_.take() : std::nullopt;
  if (!index) {
    ++counters_.echo_left_out;
    return;
  }
  cap_full_at_ = cap_.take(cap_full_at_, now);
  Shot& shot = pool_[*index];
  shot = pool_[first];
  const bool built = build(order, service, *index, true);
  assert(built);  // as its answer was
  (void)built;
  shot.echo = true;
  shot.due += wire::kEchoAfter;
  shots_.push_back(*index);
}

const PreparedService* OrderDesk::judge(const wire::Order& order, const Arrival& arrival, MonoTime due) {
  const Link& link = links_[arrival.link];
  const PreparedService* const service = link.services.find(order.service);
  const auto refused = [&](Counter& why) {
    refuse(order, arrival, why);
    return nullptr;
  };
  if (!link.racing && !order.prompt) return refused(counters_.stood_down);
  if (arrival.way < -link.bounds && !order.prompt) return refused(counters_.unsent);
  if (service == nullptr || order.address >= service->sources.size())
    return refused(counters_.unknown_service);
  if (order.beacon && service->beacon.count == 0) return refused(counters_.no_beacon);
  const std::uint16_t source = service->sources[order.address];
  if (source == kNoSource || (order.segment && packets_of(order.client) == kNoSource))
    return refused(counters_.foreign_source);
  // Clients choose their addresses: that one cannot be answered says nothing of the slave, and has no
  // outcome.
  if (!answerable(order.client) || order.client.ip.family != options_.sources[source].ip.family ||
      std::ranges::find(options_.sources, order.client) != options_.sources.end()) {
    ++counters_.bad_client;
    return nullptr;
  }
  if (order.prompt && link.racing && arrival.one_way > kOldest) {
    ++counters_.late_dropped;
    return nullptr;
  }
  if (order.prompt) return within_cap(order, arrival) ? service : nullptr;
  if (due - arrival.now.mono > kFarthest) return refused(counters_.too_far);
  const clocksync::RefMap& map = arrival.now.map;
  if (map.near_leap(order.instant) || map.near_leap(map.to_ref(arrival.now.mono)))
    return refused(counters_.near_leap);
  const Nanos lateness = arrival.now.mono - due;
  if (lateness > kOldest || (lateness > Nanos(0) && service->late == wire::LatePolicy::drop)) {
    ++counters_.late_dropped;
    note(links_[arrival.link], {order.race, Fate::dropped_late, arrival.one_way, Nanos(0)});
    return nullptr;
  }
  return within_cap(order, arrival) ? service : nullptr;
}

bool OrderDesk::within_cap(const wire::Order& order, const Arrival& arrival) {
  // Races come first: prompt orders leave them half of the bucket.
  if (!(order.prompt ? prompt_cap_ : cap_).may_take(cap_full_at_, arrival.now.mono)) {
    refuse(order, arrival, counters_.over_rate);
    return false;
  }
  cap_full_at_ = cap_.take(cap_full_at_, arrival.now.mono);
  return true;
}

bool OrderDesk::build(const wire::Order& order, const PreparedService& service, std::uint32_t shot,
                      bool echo) {
  if (wire::parse_query(order.request, query_) != wire::QueryVerdict::ok || query_.cookie_malformed)
    return false;
  const wire::PreparedRecords* records = records_for(query_, service, echo);
  if (records == nullptr) return false;
  if (order.beacon) records = &beacon(order, service);
  const wire::AnswerOptions options{.nsid = service.nsid, .server_cookie = order.server_cookie};
  const std::size_t limit = wire::udp_limit(query_, kMaxAnswer);
  pool_[shot].length = static_cast<std::uint16_t>(
      wire::write_answer(query_, {.answer = records}, options, limit, pool_.answer(shot)));
  return true;
}

bool OrderDesk::build_segment(const wire::Order& order, const Endpoint& source, std::uint32_t shot) {
  if (order.echo || order.beacon || !order.server_cookie.empty() || order.request.empty()) return false;
  std::array<std::uint8_t, kMaxPacket> room;  // NOLINT(*-member-init): as much as is needed is written
  Bytes payload = order.request;
  if (order.content) {
    if (!http::is_backend_request(as_text(order.request))) return false;
    payload = write_padded(*order.content, room);
    if (payload.empty()) return false;
  }
  const std::size_t length = write_segment(source, order.client, *order.segment, payload, pool_.answer(shot));
  pool_[shot].length = static_cast<std::uint16_t>(length);
  return length > 0;
}

/// Nobody to ask: the shot goes as it is.
void OrderDesk::ask_content(const wire::Order& order, const PreparedService& service, const Endpoint& source,
                            std::uint32_t shot) {
  if (service.content == kNoBackend) return;
  pool_.open(shot);
  ++counters_.contents_asked;
  content_asks_.push_back({{shot, pool_.turn(shot), source, order.client, *order.segment,
                            order.content->length, order.content->close},
                           service.content,
                           order.request});
}

std::uint16_t OrderDesk::packets_of(const Endpoint& client) const {
  return options_.packets.at(client.ip.family == Family::v4 ? 0 : 1);
}

const wire::PreparedRecords& OrderDesk::beacon(const wire::Order& order, const PreparedService& service) {
  beacon_.bytes.assign(service.beacon.bytes.begin(), service.beacon.bytes.end());
  beacon_.count = service.beacon.count;
  write_beacon_label(options_.beacon_key, service.tag, order.race,
                     MutableBytes(beacon_.bytes).subspan<kBeaconLabelAt, kBeaconLabel>());
  return beacon_;
}

void OrderDesk::won(const BeaconWin& win) {
  Link& link = links_[win.link];
  if (!link.open || link.session != win.session || link.wins.size() == kMostWins) {
    ++counters_.wins_lost;
    return;
  }
  link.wins.push_back(win.win);
}

void OrderDesk::finished(std::uint32_t index) {
  const Shot& shot = pool_[index];
  if (const auto content = pool_.offered(index)) {
    if (shot.fate != Fate::failed) ++counters_.contents_sent;
    pool_.give_back(*content);
  }
  if (shot.echo) {
    ++(shot.fate == Fate::failed ? counters_.echo_left_out : counters_.echoed);
  } else {
    const bool sent = shot.fate == Fate::sent || shot.fate == Fate::sent_late;
    note_of(shot, {shot.race, shot.fate, shot.one_way, sent ? shot.transmitted - shot.due : Nanos(0)});
  }
  pool_.give_back(index);
}

/// For a session that may be gone. An answer without a race has no outcome.
void OrderDesk::note_of(const Shot& shot, const wire::RaceOutcome& outcome) {
  if (shot.prompt) return;
  Link& link = links_[shot.link];
  if (link.open && link.session == shot.session) return note(link, outcome);
  ++counters_.outcomes_lost;
}

void OrderDesk::clear_outcomes(std::size_t link, bool reported) {
  std::vector<wire::RaceOutcome>& outcomes = links_[link].outcomes;
  std::vector<wire::BeaconWin>& wins = links_[link].wins;
  if (!reported) {
    counters_.outcomes_lost.add(outcomes.size());
    counters_.wins_lost.add(wins.size());
  }
  outcomes.clear();
  wins.clear();
}

void OrderDesk::refuse(const wire::Order& order, const Arrival& arrival, Counter& why) {
  ++why;
  if (!order.prompt) note(links_[arrival.link], {order.race, Fate::refused, arrival.one_way, Nanos(0)});
}

void OrderDesk::note(Link& link, const wire::RaceOutcome& outcome) {
  if (link.outcomes.size() == kMostOutcomes) {
    ++counters_.outcomes_lost;
  } else {
    link.outcomes.push_back(outcome);
  }
}

}  // namespace flagfall::slave
