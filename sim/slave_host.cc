#include "sim/slave_host.hh"

#include <fmt/format.h>

#include "clocksync/session_clock.hh"

namespace flagfall::sim {
namespace {

using Fate = wire::RaceOutcome::Fate;

/// How long a datagram waits for the loop.
constexpr std::int64_t kWakeLeast = 10'000, kWakeMore = 90'000;
constexpr Nanos kReportEvery = std::chrono::milliseconds(200);
/// How often the loop takes what the name server's thread has for it.
constexpr double kTakeBack = 200e6;
/// The largest answer of the name server.
constexpr std::size_t kAnswerRoom = 1232;
/// What leaves in one call.
constexpr std::size_t kBatch = 64;

}  // namespace

struct SlaveHost::Link {
  std::size_t index = 0;
  Endpoint control;
  slave::LinkCore core;
  slave::Fitness fitness;
  slave::MasterClock master;
  StreamId stream = 0;  // 0: none
  net::SealKey key{};
  std::shared_ptr<SessionReader> reader;
  std::size_t told = 0;  // outcomes that the judge knows
  bool heard = false;    // a heartbeat that echoes ours came in this session
  wire::Evidence found;  // of pings, to be told with the next report
  MonoTime armed = MonoTime::max();
};

struct SlaveHost::Process {
  SeededRandom random;
  slave::ShotPool pool;
  slave::OrderDesk desk;
  slave::DeadlineQueue queue;
  std::vector<Link> links;
  MonoTime armed = MonoTime::max();
  std::unique_ptr<Timekeeper> time;
  SeededRandom dns_random;  // its own stream: worlds without beacons stay as they are
  std::optional<slave::ResponderCore> responder;
  std::vector<wire::Services> services;  // by master

  Process(std::uint64_t seed, const SlaveOptions& o)
      : random(seed),
        pool(o.pool),
        desk({.sources = o.sources, .cap = o.cap, .beacon_key = beacon_key(seed)}, o.masters.size(), pool),
        queue(o.pool),
        dns_random(seed ^ 0xbeac),
        services(o.masters.size()) {
    if (!o.dns.empty()) {
      slave::ResponderCore::Options options;
      options.dns.udp_size = kAnswerRoom;
      options.beacon_key = beacon_key(seed);
      responder.emplace(options, dns_random);
    }
    const std::uint64_t instance = random.next();
    links.reserve(o.masters.size());
    for (const SlaveOptions::Master& m : o.masters)
      links.push_back({.index = links.size(),
                       .control = m.control,
                       .core = slave::LinkCore({.master = m.control,
                                                .master_name = m.name,
                                                .order_port = o.orders.port,
                                                .instance = instance},
                                               random),
                       .fitness = slave::Fitness(o.max_error),
                       .master = {},
                       .reader = nullptr,
                       .found = {}});
  }

  static wire::SipKey beacon_key(std::uint64_t seed) {
    SeededRandom own(seed ^ 0x51b);
    wire::SipKey out{};
    for (std::uint8_t& octet : out) octet = static_cast<std::uint8_t>(own.next());
    return out;
  }
};

SlaveHost::SlaveHost(World& world, HostId id, SiteId site, const std::string& name, const HostClock& clock,
                     const ChronydQuality& chronyd, SlaveOptions options, Judge& judge)
    : Host(world, id, site, name, clock, chronyd),
      options_(std::move(options)),
      judge_(judge),
      random_(world.fork(name)) {
  world.network.route(options_.orders.ip, id);
  for (const Endpoint& at : options_.dns) world.network.route(at.ip, id);
}

SlaveHost::~SlaveHost() = default;

void SlaveHost::process_started() {
  process_ = std::make_unique<Process>(random_.next(), options_);
  process_->time = std::make_unique<Timekeeper>(*this, process_->random, [this] {
    judge_.clock(*this, process_->time->map());
    for (Link& link : process_->links) judge_fitness(link);
  });
  for (Link& link : process_->links) arm(link);
  report_at_times();
}

void SlaveHost::process_gone() {
  process_.reset();
}

std::size_t SlaveHost::racing() const {
  if (!process_) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(
      process_->links, [](const Link& l) { return l.core.registered() && l.fitness.racing(); }));
}

// ---- orders and answers

void SlaveHost::receive(const Packet& packet) {
  const auto takes = Nanos(kWakeLeast + static_cast<std::int64_t>(process_->random.unit() * kWakeMore));
  if (is_name_server(packet.destination)) return after(takes, [this, packet] { look_up(packet); });
  after(takes, [this, bytes = packet.data, received = mono()] { datagram(bytes, received); });
}

void SlaveHost::datagram(const std::vector<std::uint8_t>& bytes, MonoTime received) {
  std::vector<std::uint8_t> copy = bytes;
  judge_.clock(*this, process_->time->map());
  const slave::OrderDesk::Now now{mono(), process_->time->map()};
  for (const std::uint32_t shot : take_orders(process_->desk, copy, received, now))
    process_->queue.add(process_->pool[shot].due, shot);
  if (process_->responder)
    for (const slave::IssuedBeacon& beacon : process_->desk.issued()) process_->responder->issued(beacon);
  for (Link& link : process_->links) tell_refusals(link);
  judge_.ceiling(*this, "pending answers", process_->queue.size(), options_.pool);
  arm_transmitter();
}

void SlaveHost::arm_transmitter() {
  if (process_->queue.empty() || process_->queue.next() >= process_->armed) return;
  process_->armed = process_->queue.next();
  // Spinning hits within a microsecond; a host that is busy at that moment does not.
  const double late = process_->random.unit() < 0.95 ? 1e3 : static_cast<double>(options_.wake_up.count());
  const auto takes = Nanos(static_cast<std::int64_t>(process_->random.unit() * late));
  at(std::max(process_->armed, mono()) + takes, [this, armed = process_->armed] {
    if (process_->armed == armed) fire();
  });
}

void SlaveHost::fire() {
  process_->armed = MonoTime::max();
  std::array<std::uint32_t, kBatch> batch{};
  const std::size_t count = process_->queue.take(mono(), batch);
  for (const std::uint32_t index : std::span(batch).first(count)) {
    slave::Shot& shot = process_->pool[index];
    shot.fate = shot.late ? Fate::sent_late : Fate::sent;
    if (options_.refusals > 0 && process_->random.unit() < options_.refusals) {
      shot.fate = Fate::failed;
      if (!shot.echo) judge_.refused(*this, shot.race);
    } else {
      transmit(shot, options_.sources.at(shot.source), process_->pool.answer(index).first(shot.length));
    }
    shot.transmitted = mono();
    process_->desk.finished(index);
  }
  arm_transmitter();
}

void SlaveHost::transmit(const slave::Shot& shot, const Endpoint& source, Bytes answer) {
  world_.network.send(id(), source, shot.client, {answer.begin(), answer.end()});
}

/// Those among the outcomes that are new since the last look.
void SlaveHost::tell_refusals(Link& link) {
  const auto& outcomes = process_->desk.outcomes(link.index);
  for (; link.told < outcomes.size(); ++link.told) {
    const wire::RaceOutcome& o = outcomes[link.told];
    if (o.fate == Fate::refused || o.fate == Fate::dropped_late) judge_.refused(*this, o.race);
  }
}

// ---- beacons

void SlaveHost::look_up(const Packet& question) {
  slave::ResponderCore& core = *process_->responder;
  std::array<std::uint8_t, kAnswerRoom> room{};
  const auto unix = std::chrono::duration_cast<std::chrono::seconds>(real().time_since_epoch()).count();
  const std::size_t length = core.answer(question.data, question.source, dns::Transport::udp,
                                         {mono(), static_cast<std::uint32_t>(unix)}, room);
  const auto win = core.won();
  if (length > 0)
    world_.network.send(id(), question.destination, question.source, MutableBytes(room).first(length));
  judge_.looked_up(*this, question);
  if (win) won(*win);
}

void SlaveHost::won(const slave::BeaconWin& win) {
  after(Nanos(static_cast<std::int64_t>(process_->dns_random.unit() * kTakeBack)),
        [this, win] { process_->desk.won(win); });
}

/// As app.cc has it.
bool SlaveHost::take_services(std::size_t master, const wire::Services& services) {
  process_->services[master] = services;
  if (!process_->responder) return false;
  slave::OwnNamesMade made = slave::make_own_names(process_->services, process_->dns_random);
  for (const std::string& complaint : made.complaints)
    judge_.accuse("beacon: " + name() + " does not answer for all: " + complaint);
  const bool beacons = made.names->answers_beacons(services.beacon_zone);
  process_->responder->use(std::move(made.names));
  if (beacons) judge_.serves_beacons(*this);
  return beacons;
}

// ---- sessions

wire::HostTime SlaveHost::host_time() const {
  const auto& map = process_->time->map();
  const RefTime reference =
      map.status == wire::ClockStatus::unknown ? RefTime(real().time_since_epoch()) : map.to_ref(mono());
  return {mono(), reference, map.status, map.bound_at(mono())};
}

SlaveHost::Link* SlaveHost::link_of(StreamId id) {
  const auto at = std::ranges::find(process_->links, id, &Link::stream);
  return at == process_->links.end() ? nullptr : &*at;
}

void SlaveHost::stream_open(StreamId id, const std::string& peer, const net::SealKey& key) {
  Link* const link = link_of(id);
  if (link == nullptr) return;
  link->key = key;
  judge_.exported(key, *this);
  apply(*link, link->core.secured({peer}, host_time()));
}

void SlaveHost::stream_bytes(StreamId id, Bytes bytes) {
  Link* const link = link_of(id);
  if (link == nullptr) return;
  const auto reader = link->reader;  // a new dial makes its own
  reader->take(
      bytes, [&](wire::Message&& m) { apply(*link, link->core.message(std::move(m), host_time())); },
      [&](const std::string& why) { judge_.accuse("session: " + name() + " got malformed octets: " + why); },
      [&] { return link->stream == id; });
}

void SlaveHost::stream_closed(StreamId id, const std::string& why) {
  Link* const link = link_of(id);
  if (link == nullptr) return;
  link->stream = 0;
  const auto cause = link->key == net::SealKey{} ? wire::CloseCause::connect : wire::CloseCause::ended;
  apply(*link, link->core.closed(cause, why, host_time()));
}

void SlaveHost::apply(Link& link, slave::LinkCore::Actions actions) {
  using Core = slave::LinkCore;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const Core::Action action = std::move(actions[i]);
    if (std::holds_alternative<Core::Dial>(action)) {
      link.key = {};
      link.reader = std::make_shared<SessionReader>();
      link.stream = world_.streams.dial(
          id(), {options_.orders.ip, static_cast<std::uint16_t>(32768 + process_->random.next() % 28000)},
          link.control);
    } else if (std::holds_alternative<Core::Close>(action)) {
      world_.streams.close(link.stream, id());
      link.stream = 0;
    } else if (const auto* out = std::get_if<Core::Send>(&action)) {
      post(link, actions, out->message);
    } else if (const auto* registered = std::get_if<Core::Registered>(&action)) {
      process_->desk.open_session(link.index, registered->welcome.session, link.key);
    } else if (const auto* serve = std::get_if<Core::Serve>(&action)) {
      const bool beacons = take_services(link.index, serve->services);
      post(link, actions, process_->desk.set_services(link.index, serve->services, beacons));
    } else if (const auto* clock = std::get_if<Core::MasterClock>(&action)) {
      link.master.status = clock->heartbeat.clock;
      link.master.bound = clock->heartbeat.bound;
      link.master.heard = mono();
      if (clock->echoed)
        link.master.exchange = clocksync::exchange_of(clock->heartbeat, *clock->echoed, mono());
      link.heard = link.heard || clock->echoed;
      judge_fitness(link);
    } else if (const auto* order = std::get_if<Core::Ping>(&action)) {
      ping(link, order->order);
    } else if (std::holds_alternative<Core::Lost>(action)) {
      process_->desk.close_session(link.index);
      link.told = 0;
      link.fitness = slave::Fitness(options_.max_error);
      link.heard = false;
      judge_.session_over(link.key);
    } else if (const auto* line = std::get_if<Core::Log>(&action)) {
      world_.trace.line(world_.now(), "{}: {}", name(), line->text);
    }
  }
  arm(link);
}

void SlaveHost::post(Link& link, slave::LinkCore::Actions& actions, const wire::Message& message) {
  if (link.stream != 0 && send_message(*this, link.stream, message)) return;
  auto more = link.core.overflowed(host_time());
  actions.insert(actions.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void SlaveHost::arm(Link& link) {
  const MonoTime wanted = std::max(link.core.next_deadline(), mono());
  if (wanted >= link.armed) return;
  link.armed = wanted;
  at(wanted, [this, &link, wanted] {
    if (link.armed != wanted) return;  // an earlier one took over
    link.armed = MonoTime::max();
    apply(link, link.core.tick(host_time()));
  });
}

void SlaveHost::judge_fitness(Link& link) {
  if (!link.heard) return;
  const bool was = link.fitness.racing();
  (void)link.fitness.update(process_->time->map(), link.master, mono());
  process_->desk.set_racing(link.index, link.fitness.racing(), link.fitness.bound());
  if (was != link.fitness.racing()) after(Nanos(0), [this, &link] { report(link); });
}

void SlaveHost::report(Link& link) {
  if (!link.core.registered()) return;
  const auto& map = process_->time->map();
  wire::Report out;
  out.racing = link.fitness.racing();
  if (!out.racing) out.why_not = link.fitness.why_not();
  out.clock = map.status;
  if (map.status != wire::ClockStatus::unknown)
    out.correction = map.to_ref(mono()).time_since_epoch() - real().time_since_epoch();
  out.own_bound = wire::sendable_bound(map.bound_at(mono()));
  out.bound = wire::sendable_bound(link.fitness.bound());
  out.provider = "chrony";
  tell_refusals(link);
  out.outcomes = process_->desk.outcomes(link.index);
  out.beacon_wins = process_->desk.beacon_wins(link.index);
  process_->desk.clear_outcomes(link.index, send_message(*this, link.stream, out));
  link.told = 0;
  if (!link.found.empty()) (void)send_message(*this, link.stream, std::exchange(link.found, {}));
}

/// In place of the collector's raw socket.
void SlaveHost::ping(Link& link, const wire::PingOrder& order) {
  for (const IpAddress& address : order.addresses) {
    const auto took = world_.network.ping(id(), address);
    const bool in_time = took && *took > Nanos(0) && *took <= order.within;
    const auto fate = in_time ? wire::PingResult::Fate::answered : wire::PingResult::Fate::silent;
    const Nanos trip = in_time ? *took : Nanos(0);
    after(in_time ? trip : order.within, [&link, address, fate, trip] {
      if (link.found.pings.size() < wire::kMaxPings)
        link.found.pings.push_back({.address = address, .fate = fate, .round_trip = trip, .age = {}});
    });
  }
}

void SlaveHost::report_at_times() {
  for (Link& link : process_->links) {
    judge_fitness(link);
    report(link);
  }
  after(kReportEvery, [this] { report_at_times(); });
}

}  // namespace flagfall::sim
