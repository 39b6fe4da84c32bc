#include "sim/master_host.hh"

#include <fmt/format.h>

#include <cerrno>

#include "common/base/overload.hh"

namespace flagfall::sim {
namespace {

using std::chrono::microseconds;

/// How long a readable socket waits for its loop: a wake-up, and the burst before it.
constexpr std::int64_t kWakeLeast = 10'000, kWakeMore = 90'000;
/// The largest UDP answer.
constexpr std::uint16_t kAnswerRoom = 1232;
/// What a socket's queue holds in the kernel.
constexpr std::size_t kSocketQueue = 4096;
constexpr Nanos kPingWithin = std::chrono::seconds(1);

}  // namespace

struct MasterHost::Process {
  SeededRandom random;
  dns::FrontEnd front_end;
  std::optional<master::KnownNetworks> known;  // what needs no beacon; nothing: none are wanted
  std::unique_ptr<Control> control;            // null: it learns nothing
  master::RequestCore requests;
  master::HubCore hub;
  std::map<StreamId, std::shared_ptr<SessionReader>> readers;
  std::vector<std::deque<Queued>> queues;       // by service address
  std::vector<std::deque<QueuedError>> errors;  // the same
  std::vector<bool> waking;
  MonoTime stalled_until;
  MonoTime armed = MonoTime::max();
  std::unique_ptr<Timekeeper> time;

  Process(std::uint64_t seed, std::uint64_t epoch, const MasterOptions& options,
          master::RequestOptions request, const ServedData& data,
          std::map<std::string, wire::Services> slaves, master::RaceLog* log)
      : random(seed),
        front_end(*data.zones, data.cookies, {.nsid = options.config.dns.nsid, .udp_size = kAnswerRoom}),
        requests((request.epoch = epoch, request.race.known = know(options), request), front_end, random,
                 log),
        hub({.heartbeat = options.config.control.heartbeat, .slaves = std::move(slaves)}, random),
        queues(options.config.dns.listen.size()),
        errors(queues.size()),
        waking(queues.size()) {}

  /// A random stream of its own, so that worlds without beacons stay as they are.
  const master::KnownNetworks* know(const MasterOptions& options) {
    const master::Config& c = options.config;
    if (c.slaves.empty()) return nullptr;
    SeededRandom own(c.guard.prefix_v4);
    return &known.emplace(c.guard.prefix_v4, c.guard.prefix_v6, own);
  }
};

MasterHost::MasterHost(World& world, HostId id, SiteId site, const std::string& name, const HostClock& clock,
                       const ChronydQuality& chronyd, MasterOptions options, const ServedData& data,
                       Judge& judge)
    : Host(world, id, site, name, clock, chronyd),
      options_(std::move(options)),
      builder_(options_.config, options_.config.dns.listen),
      data_(data),
      judge_(judge),
      random_(world.fork(name)),
      room_(kAnswerRoom) {
  for (const Endpoint& at : options_.config.dns.listen) world.network.route(at.ip, id);
  world.network.route(control().ip, id);
}

MasterHost::~MasterHost() = default;

void MasterHost::process_started() {
  master::RaceLog* const log = options_.learns ? this : nullptr;
  const std::uint64_t epoch = random_.next();
  const std::uint64_t seed = random_.next();
  process_ =
      std::make_unique<Process>(seed, epoch, options_, request_options(), data_, builder_.services(), log);
  if (options_.learns) {
    Control::Shell shell;
    shell.publish = [this] { publish(); };
    shell.ping = [this](const std::string& slave, const std::vector<IpAddress>& clients) {
      ping(slave, clients);
    };
    shell.led = [this](std::size_t service, director::ServerIndex server) {
      return process_->requests.led(service, server);
    };
    process_->control = std::make_unique<Control>(*this, control_options(), disk_, judge_, process_->random,
                                                  std::move(shell));
    if (process_->known) process_->control->add(*process_->known);
    process_->control->start();
  }
  process_->time = std::make_unique<Timekeeper>(*this, process_->random, [this] {
    judge_.clock(*this, process_->time->map());
    publish();
  });
  publish();
  tick();
}

master::RequestOptions MasterHost::request_options() const {
  master::RequestOptions out;
  out.race = master::race_options(options_.config);
  out.limit = master::rate_limit(options_.config);
  out.order_size = options_.config.control.order_size;
  out.slaves = builder_.names().size();
  out.services = options_.learns ? options_.config.services.size() : 0;
  return out;
}

Control::Options MasterHost::control_options() const {
  return {options_.config, {.most_waiting = judge_.promises().waiting_records}, options_.shared};
}

void MasterHost::power_gone() {
  if (options_.learns) disk_.lose_power(world_.now(), random_);
  if (!process_ && options_.learns) judge_.died(*this, true, disk_.troubles());
  power_lost_ = process_ != nullptr;
}

void MasterHost::process_gone() {
  if (process_->control) judge_.died(*this, power_lost_, disk_.troubles());
  power_lost_ = false;
  process_.reset();
}

Control* MasterHost::control_desk() {
  return process_ ? process_->control.get() : nullptr;
}

void MasterHost::log(const master::RaceRecord& record) noexcept {
  process_->control->ring().log(record);
}

// ---- queries

bool MasterHost::listens(const Endpoint& at) const {
  return running() && std::ranges::find(options_.config.dns.listen, at) != options_.config.dns.listen.end();
}

void MasterHost::receive(const Packet& packet) {
  const auto address = static_cast<std::uint8_t>(
      std::ranges::find(options_.config.dns.listen, packet.destination) - options_.config.dns.listen.begin());
  auto& queue = process_->queues[address];
  if (queue.size() == kSocketQueue) return;
  queue.push_back({packet, real()});
  wake(address);
}

void MasterHost::wake(std::uint8_t address) {
  if (process_->waking[address]) return;
  process_->waking[address] = true;
  const auto takes = Nanos(kWakeLeast + static_cast<std::int64_t>(process_->random.unit() * kWakeMore));
  at(std::max(mono(), process_->stalled_until) + takes, [this, address] { burst(address); });
}

bool MasterHost::stall(Nanos how_long) {
  if (process_) process_->stalled_until = mono() + how_long;
  return process_ != nullptr;
}

void MasterHost::burst(std::uint8_t address) {
  process_->waking[address] = false;
  if (mono() < process_->stalled_until) return wake(address);
  auto& queue = process_->queues[address];
  const std::size_t count = std::min<std::size_t>(queue.size(), master::kMostQueries);
  const std::vector<Queued> taken(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(count));
  queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(count));
  if (!queue.empty()) wake(address);
  answering_ = options_.config.dns.listen[address];
  judge_.clock(*this, process_->time->map());
  hear_errors(address);
  if (taken.empty()) return;
  process_->requests.begin({mono(), clock().real_minus_mono()});
  for (const Queued& q : taken)
    process_->requests.query(q.packet.data, q.packet.source, q.stamp, address, *this);
  process_->requests.finish(mono(), *this);
  std::vector<const Packet*> handled;
  handled.reserve(taken.size());
  for (const Queued& q : taken) handled.push_back(&q.packet);
  judge_.handled(*this, handled);
}

// ---- errors

void MasterHost::icmp(const IcmpError& error) {
  if (!process_ || !process_->control || !listens(error.source)) return;
  const auto address = static_cast<std::uint8_t>(std::ranges::find(options_.config.dns.listen, error.source) -
                                                 options_.config.dns.listen.begin());
  auto& queue = process_->errors[address];
  if (queue.size() == kSocketQueue) return;
  queue.push_back({error, real()});
  wake(address);
}

void MasterHost::hear_errors(std::uint8_t address) {
  auto& queue = process_->errors[address];
  const master::BurstTimes times{mono(), clock().real_minus_mono()};
  for (; !queue.empty(); queue.pop_front()) {
    const IcmpError& e = queue.front().error;
    process_->requests.error({.to = e.destination,
                              .offender = e.offender,
                              .error = ECONNREFUSED,
                              .type = e.type,
                              .code = e.code,
                              .quoted = e.quoted,
                              .stamp = queue.front().stamp},
                             address, master::received_at(queue.front().stamp, times));
  }
}

void MasterHost::send_answer(std::size_t length, const Endpoint& to) {
  world_.network.send(id(), answering_, to,
                      {room_.begin(), room_.begin() + static_cast<std::ptrdiff_t>(length)});
}

void MasterHost::send_orders(std::span<master::OrderDatagram> datagrams) {
  for (master::OrderDatagram& d : datagrams) {
    if (process_->random.unit() < options_.refusals) continue;
    d.sent = true;
    world_.network.send(id(), {control().ip, 40000}, d.to, {d.bytes.begin(), d.bytes.end()});
  }
}

// ---- sessions

wire::HostTime MasterHost::host_time() const {
  const auto& map = process_->time->map();
  return {mono(), map.to_ref(mono()), map.status, map.bound_at(mono())};
}

bool MasterHost::stream_comes(StreamId id, const Endpoint& at, const Endpoint& from) {
  if (!running() || at != control()) return false;
  process_->readers[id] = std::make_shared<SessionReader>();
  apply(process_->hub.connected(id, from, host_time()));
  return true;
}

void MasterHost::stream_open(StreamId id, const std::string& peer, const net::SealKey& key) {
  judge_.exported(key, *this);
  apply(process_->hub.secured(id, {peer}, key));
}

void MasterHost::stream_bytes(StreamId id, Bytes bytes) {
  const auto open = [&] { return process_->readers.contains(id); };
  if (!open()) return;
  const auto reader = process_->readers.at(id);  // an action may close the connection
  reader->take(
      bytes, [&](wire::Message&& m) { apply(process_->hub.message(id, std::move(m), host_time())); },
      [&](const std::string& why) {
        world_.streams.close(id, this->id());
        process_->readers.erase(id);
        apply(process_->hub.closed(id, wire::CloseCause::malformed, why, host_time()));
      },
      open);
}

void MasterHost::stream_closed(StreamId id, const std::string& why) {
  process_->readers.erase(id);
  apply(process_->hub.closed(id, wire::CloseCause::ended, why, host_time()));
}

void MasterHost::apply(const master::HubCore::Actions& actions) {
  using Hub = master::HubCore;
  bool changed = false;
  for (const Hub::Action& action : actions) {
    std::visit(Overload{
                   [&](const Hub::Send& a) {
                     if (!send_message(*this, a.id, a.message)) apply(process_->hub.overflowed(a.id));
                   },
                   [&](const Hub::Finish& a) { world_.streams.finish(a.id, id()); },
                   [&](const Hub::Close& a) {
                     world_.streams.close(a.id, id());
                     process_->readers.erase(a.id);
                   },
                   [&](const Hub::Log& a) { world_.trace.line(world_.now(), "{}: {}", name(), a.text); },
                   [&](const Hub::Changed&) { changed = true; },
                   [&](const Hub::Reported& a) {
                     judge_.told(*this, a.slave->name, a.report);
                     if (process_->control) process_->control->report(a.slave->name, a.report);
                   },
                   [&](const Hub::Gathered& a) {
                     if (process_->control) process_->control->evidence(*a.slave, a.evidence);
                   },
                   [](const Hub::Asked&) {},  // no front ends here
               },
               action);
  }
  if (changed && process_->control) {
    std::vector<const master::SlaveState*> slaves;
    for (const auto& [name, state] : process_->hub.slaves()) slaves.push_back(&state);
    process_->control->sessions(slaves);
  }
  if (changed) publish();
  judge_.ceiling(*this, "connections", process_->readers.size(), 64 + builder_.names().size());
  const MonoTime wanted = std::max(process_->hub.next_deadline(), mono());
  if (wanted >= process_->armed) return;
  process_->armed = wanted;
  at(wanted, [this, wanted] {
    if (process_->armed == wanted) tick();  // else an earlier one took over
  });
}

void MasterHost::ping(const std::string& slave, const std::vector<IpAddress>& clients) {
  std::size_t taken = 0;
  apply(process_->hub.order_pings(slave, clients, kPingWithin, host_time(), taken));
}

void MasterHost::tick() {
  process_->armed = MonoTime::max();
  apply(process_->hub.tick(host_time()));
}

void MasterHost::publish() {
  std::vector<const master::SlaveState*> slaves;
  for (const auto& [name, state] : process_->hub.slaves()) slaves.push_back(&state);
  const clocksync::RefMap map = process_->time ? process_->time->map() : clocksync::RefMap{};
  master::Snapshot made = builder_.build(slaves, map, false, data_.zones);
  if (process_->control) process_->control->apply(made);
  process_->requests.take_over(std::make_shared<master::Snapshot>(published(std::move(made))));
}

}  // namespace flagfall::sim
