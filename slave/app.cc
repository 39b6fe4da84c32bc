#include "slave/app.hh"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "common/base/log.hh"
#include "common/net/descriptors.hh"
#include "common/net/privileges.hh"
#include "common/net/tls.hh"
#include "slave/scheduling.hh"

namespace flagfall::slave {
namespace {

/// How often finished shots are taken back and reported when no orders come.
constexpr Nanos kTakeBackInterval = std::chrono::milliseconds(200);
/// Answers that are due within this still leave when the slave is told to end: delays are shorter.
constexpr Nanos kLinger = std::chrono::seconds(1);

/// A socket for segments of each family that has a source: where they stand behind those of the sources.
std::array<std::uint16_t, 2> packet_sockets(const std::vector<Endpoint>& sources) {
  std::array<std::uint16_t, 2> out{kNoSource, kNoSource};
  auto next = static_cast<std::uint16_t>(sources.size());
  for (const Family family : {Family::v4, Family::v6})
    if (std::ranges::any_of(sources, [&](const Endpoint& at) { return at.ip.family == family; }))
      out.at(family == Family::v4 ? 0 : 1) = next++;
  return out;
}

std::vector<SourceSocket> open_sources(const std::vector<Endpoint>& sources) {
  if (const Status may = net::need_capability(net::Capability::net_raw, "answer from a service's address");
      !may)
    throw std::runtime_error(may.error());
  std::vector<SourceSocket> out;
  for (const Endpoint& source : sources) {
    out.push_back(open_source(source));
    log::info("answers from {}: {} socket{}", to_string(source),
              out.back().kind == SourceSocket::Kind::raw ? "raw" : "UDP",
              out.back().stamps ? "" : ", without kernel transmit stamps");
  }
  const auto packets = packet_sockets(sources);
  if (packets.front() != kNoSource) out.push_back(open_packet_source(Family::v4));
  if (packets.back() != kNoSource) out.push_back(open_packet_source(Family::v6));
  return out;
}

/// The services that have one, in the order of ContentAsk::backend.
std::vector<std::string> http_services(const std::vector<BackendConfig>& backends) {
  std::vector<std::string> out;
  for (const BackendConfig& backend : backends)
    if (backend.http) out.push_back(backend.service);
  return out;
}

wire::SipKey random_key(Random& random) {
  wire::SipKey key{};
  for (std::size_t i = 0; i < key.size(); i += sizeof(std::uint64_t)) {
    const std::uint64_t word = random.next();
    std::memcpy(key.data() + i, &word, sizeof word);
  }
  return key;
}

std::uint64_t nanoseconds(Nanos ns) {
  return static_cast<std::uint64_t>(ns.count());
}

}  // namespace

Result<std::unique_ptr<daemon::Program>> App::load(const Config& config) {
  static const SystemClock clock;
  const auto tls = net::TlsContext::load(
      net::TlsRole::client,
      {config.control.ca.text, config.control.certificate.text, config.control.key.text}, clock.real());
  if (!tls) return Error{tls.error()};
  if (const auto secrets = net::AdminSecrets::load(daemon::admin_options(config.admin).files, clock.real());
      !secrets)
    return Error{secrets.error()};
  if (const auto source = clocksync::source_options(config.clock); !source) return Error{source.error()};
  return std::unique_ptr<daemon::Program>(std::make_unique<App>(config, clock));
}

App::App(const Config& config, const Clock& clock)
    : config_(config),
      clock_(clock),
      beacon_key_(random_key(random_)),
      pool_(config.transmit.queue),
      desk_({config.transmit.sources,
             {config.transmit.rate, config.transmit.burst},
             beacon_key_,
             packet_sockets(config.transmit.sources),
             udp_services(config.backends),
             http_services(config.backends)},
            config.masters.size(), pool_),
      contents_(pool_),
      services_(config.masters.size()) {}

App::~App() = default;

void App::start(net::Loop& loop) {
  try {
    open(loop);
  } catch (...) {
    stop();  // watches must be gone before the loop is
    throw;
  }
}

void App::open(net::Loop& loop) {
  auto sources = open_sources(config_.transmit.sources);
  collector_ = std::make_unique<collect::Collector>(config_.collect, config_.checks);
  started_ = clock_.mono();
  open_admin(loop);
  auto sockets = open_order_sockets(config_.orders.listen, config_.orders.receive_buffer.bytes);
  open_responder();
  open_front(loop);
  const std::uint16_t order_port = net::local_endpoint(sockets.front()).port;
  open_clock(loop);
  const auto map = [this]() -> const clocksync::RefMap& { return source_->current(); };
  masters_ = std::make_unique<Masters>(
      loop, clock_, random_, config_, order_port, desk_,
      Masters::Sources{
          map, [this] { return source_->provider(); }, [this](const auto& servers) { use_servers(servers); },
          [this](std::size_t master, const wire::Services& services) {
            return take_services(master, services);
          },
          [this](std::size_t master, const wire::PingOrder& order) { collector_->ping(master, order); },
          [this](std::size_t master) {
            collector_->forget(master);
            if (front_) front_->session(master, false);
          },
          [this] { return wire::spread_of(transmitter_->stats().stamp); }, [this] { return counters(); },
          [this](std::size_t master) {
            if (front_) front_->session(master, true);
          },
          [this](std::size_t master, const wire::HomeAnswer& answer) {
            if (front_) front_->answered(master, answer);
          }});
  if (config_.transmit.cpu_dma_latency) awake_ = keep_cpus_awake();
  if (config_.transmit.lock_memory) lock_memory();
  start_transmitter(std::move(sources));
  if (responder_) responder_->start();
  if (front_) front_->start();
  open_backends(loop);
  open_http_backends(loop);
  intake_ = std::make_unique<OrderIntake>(
      loop, clock_, desk_, *transmitter_, map,
      [this](const IssuedBeacon& beacon) { responder_->issued(beacon); },
      [this](const UdpAsk& ask) { backends_->ask(ask); },
      [this](const ContentAsk& ask) { http_backends_[ask.backend]->ask(ask.wish, ask.request); });
  intake_->listen(std::move(sockets));
  collector_->start(loop, clock_, random_, config_.masters.size(),
                    [this](std::size_t master, const wire::Evidence& evidence) {
                      return masters_->send(master, evidence);
                    });
  take_back_ = loop.every(kTakeBackInterval, [this] {
    intake_->take_back();
    take_wins();
    masters_->report_outcomes();
  });
}

void App::open_admin(net::Loop& loop) {
  admin_ = std::make_unique<net::AdminServer>(loop, daemon::admin_options(config_.admin));
  admin_->get("/status", [this] { return net::AdminReply{200, status_json(status_source()).dump()}; });
  admin_->get("/metrics", [this] {
    metrics::Families out;
    const auto [own, ca] = masters_->certificates_expire();
    add_metrics(out, status_source(), {own, ca, admin_->certificate_expires()}, admin_->counters());
    return net::AdminReply{200, out.text(), metrics::Families::kContentType};
  });
  for (const Endpoint& at : admin_->local()) log::info("operators: {}", daemon::admin_url(at));
}

StatusSource App::status_source() const {
  return {masters_->views(),
          counters(),
          source_->current(),
          source_->provider(),
          config_.clock.max_error,
          *transmitter_,
          pool_.in_use(),
          backends_.get(),
          clock_.mono(),
          started_,
          read_real_minus_mono(clock_).offset};
}

/// From here on there are no capabilities.
void App::start_transmitter(std::vector<SourceSocket> sources) {
  const TransmitConfig& transmit = config_.transmit;
  const bool fifo = transmit.scheduler == TransmitConfig::Scheduler::fifo;
  const InheritedScheduling scheduling(
      {.fifo = fifo, .priority = static_cast<int>(transmit.priority), .cpu = transmit.cpu.pinned});
  // All that may need a privilege is open, read and set; threads that start from here have none.
  net::drop_capabilities();
  transmitter_ = std::make_unique<Transmitter>(Transmitter::Options{transmit.guard.fixed}, std::move(sources),
                                               pool_, clock_);
  log::info("transmit thread: {}{}, guard {} µs",
            fifo ? fmt::format("SCHED_FIFO {}", transmit.priority) : "SCHED_OTHER",
            transmit.cpu.pinned ? fmt::format(" on CPU {}", *transmit.cpu.pinned) : "",
            transmitter_->guard().count() / 1000);
}

void App::open_clock(net::Loop& loop) {
  auto options = clocksync::source_options(config_.clock);
  if (!options) throw std::runtime_error(options.error());
  const auto updated = [this](const clocksync::RefMap&) { masters_->clock_changed(); };
  if (config_.clock.source == clocksync::ClockConfig::Source::master) {
    auto learned = std::make_unique<clocksync::LearnedSource>(
        loop, clock_, random_, std::get<clocksync::NtpOptions>(*options), updated);
    learned_ = learned.get();
    source_ = std::move(learned);
  } else {
    source_ = clocksync::make_clock_source(loop, clock_, random_, *options, updated);
  }
}

void App::open_backends(net::Loop& loop) {
  if (udp_services(config_.backends).empty()) return;
  (void)net::raise_descriptor_limit();
  backends_ = std::make_unique<UdpBackends>(config_.backends, loop, clock_, desk_, pool_, *transmitter_,
                                            [this] { masters_->tell_ready(); });
}

void App::open_responder() {
  const DnsConfig& dns = config_.dns;
  if (dns.listen.empty()) return;
  Responder::Options options;
  options.listen = dns.listen;
  options.tcp = {.connections = dns.tcp_connections, .idle = dns.tcp_idle};
  options.core.dns = {.nsid = dns.nsid, .udp_size = dns.udp_size};
  options.core.limit = {
      .network = {dns.rate, dns.burst}, .prefix_v4 = dns.prefix_v4, .prefix_v6 = dns.prefix_v6};
  options.core.beacon_key = beacon_key_;
  responder_ = std::make_unique<Responder>(options, clock_, random_);
  for (const Endpoint& at : dns.listen) log::info("name server on {} (UDP and TCP)", to_string(at));
}

namespace {

/// Of a front end: so many descriptors stay for races and sessions.
constexpr std::uint64_t kOtherDescriptors = 256;

std::size_t most_connections(const std::vector<BackendConfig>& backends) {
  std::uint64_t others = kOtherDescriptors;
  for (const BackendConfig& each : backends) others += each.http ? each.connections : each.sockets;
  return (std::max<std::uint64_t>(net::raise_descriptor_limit(), others + 2) - others) / 2;
}

}  // namespace

void App::open_front(net::Loop& loop) {
  const FrontConfig& front = config_.front;
  if (front.servers.empty()) return;
  FrontLoop::Options options;
  for (const FrontServerConfig& server : front.servers)
    options.servers.push_back({server.listen, server.backend, server.proxy_protocol});
  options.desk = {.wait = front.wait,
                  .keep = front.keep,
                  .stay = front.stay,
                  .questions = front.questions,
                  .target = static_cast<std::size_t>(front.target.bytes)};
  // Content is the content server's to limit.
  options.limits = {.header = static_cast<std::size_t>(front.header.bytes),
                    .target = static_cast<std::size_t>(front.target.bytes),
                    .body = std::numeric_limits<std::uint64_t>::max()};
  options.connections = std::min<std::size_t>(front.connections, most_connections(config_.backends));
  if (options.connections < front.connections)
    log::warn(
        "front.connections: {}, and not {}: each takes two descriptors, and the limit is too low (raise "
        "LimitNOFILE)",
        options.connections, front.connections);
  options.network_connections = front.network_connections;
  options.prefix_v4 = front.prefix_v4;
  options.prefix_v6 = front.prefix_v6;
  options.header_timeout = front.header_timeout;
  options.idle_timeout = front.idle_timeout;
  options.backend_timeout = front.backend_timeout;
  front_ = std::make_unique<FrontLoop>(options, clock_, random_, [this, &loop](FrontDesk::Question question) {
    loop.post([this, question = std::move(question)] {
      if (masters_) (void)masters_->send(question.master, question.question);
    });
  });
  for (const FrontServerConfig& server : front.servers)
    log::info("front end on {} (HTTP), content server {}", to_string(server.listen),
              to_string(server.backend));
}

void App::open_http_backends(net::Loop& loop) {
  for (const BackendConfig& backend : config_.backends) {
    if (!backend.http) continue;
    http_backends_.push_back(std::make_unique<HttpBackend>(
        loop, clock_, HttpBackend::Options{*backend.http, backend.timeout, backend.connections}, contents_));
    log::info("content of service '{}': {}", backend.service, to_string(*backend.http));
  }
}

bool App::take_services(std::size_t master, const wire::Services& services) {
  services_[master] = services;
  if (front_) {
    auto sites = std::make_shared<const FrontSites>(services_);
    for (const std::string& complaint : sites->complaints()) log::warn("front end: {}", complaint);
    front_->use(std::move(sites));
  }
  if (!responder_) {
    if (std::ranges::any_of(services.services, [](const auto& s) { return !s.zone.empty(); }))
      log::warn("a delegated service has this slave among its name servers, but dns.listen is empty");
    return false;
  }
  OwnNamesMade made = make_own_names(services_, random_);
  for (const std::string& complaint : made.complaints) log::warn("not answered for: {}", complaint);
  const bool beacons = made.names->answers_beacons(services.beacon_zone);
  responder_->publish(std::move(made.names));
  return beacons;
}

void App::take_wins() {
  BeaconWin win;
  while (responder_ && responder_->pop(win)) desk_.won(win);
}

void App::use_servers(const std::vector<wire::TimeServer>& servers) {
  if (learned_ == nullptr) return;
  std::vector<clocksync::NtpServerOptions> options;
  options.reserve(servers.size());
  for (const wire::TimeServer& server : servers)
    options.push_back({server.address, server.key_id, {server.key.begin(), server.key.end()}});
  learned_->use(std::move(options));
}

void App::stop() {
  admin_.reset();
  take_back_ = net::Watch();
  intake_.reset();  // no new orders
  front_.reset();   // asks the masters
  backends_.reset();
  http_backends_.clear();
  masters_.reset();
  collector_.reset();
  responder_.reset();
  source_.reset();
  if (transmitter_) transmitter_->stop(kLinger);
}

void App::hang_up() {
  if (const Status read = masters_->reload_certificates(); !read)
    log::error("SIGHUP: {}; the certificates stay as they are", read.error());
  else if (const Status again = admin_->reload(); !again)
    log::error("SIGHUP: {}; the admin listener's stay as they are", again.error());
  else
    log::info("SIGHUP: the certificates are read again, for sessions from now on; all else takes a restart");
}

std::string App::status() const {
  if (!masters_) return {};
  const clocksync::RefMap& map = source_->current();
  const std::string clock =
      map.status == wire::ClockStatus::unknown
          ? "clock unknown: " + map.why
          : fmt::format("clock within {:.3f} ms",
                        static_cast<double>(map.bound_at(clock_.mono()).count()) * 1e-6);
  return fmt::format("racing for {} of {} masters ({} connected), {} answers sent, {}", masters_->racing(),
                     config_.masters.size(), masters_->registered(), transmitter_->stats().sent.get(), clock);
}

Masters::Counters App::counters() const {
  Masters::Counters out;
  const auto add = [&](const char* name, const Counter& counter) { out.emplace_back(name, counter.get()); };
  desk_.counters().for_each(add);
  contents_.counters().for_each(add);
  source_->for_each_counter(
      [&](std::string_view name, std::uint64_t value) { out.emplace_back(name, value); });
  if (responder_)
    responder_->for_each_counter(
        [&](const char* name, std::uint64_t value) { out.emplace_back(name, value); });
  if (front_)
    front_->for_each_counter([&](const char* name, std::uint64_t value) { out.emplace_back(name, value); });
  if (collector_) std::ranges::copy(collector_->counters(), std::back_inserter(out));
  if (backends_)
    backends_->for_each_counter(
        [&](std::string name, std::uint64_t n) { out.emplace_back(std::move(name), n); });
  const EgressStats& sent = transmitter_->stats();
  out.emplace_back("answers_sent", sent.sent.get());
  out.emplace_back("answers_failed", sent.failed.get());
  out.emplace_back("answers_stamped", sent.stamped.get());
  out.emplace_back("answers_unstamped", sent.unstamped.get());
  out.emplace_back("answers_pending", pool_.in_use());
  out.emplace_back("transmit_guard_ns", nanoseconds(transmitter_->guard()));
  out.emplace_back("transmit_lead_ns", nanoseconds(transmitter_->lead()));
  out.emplace_back("transmit_call_p50_ns", nanoseconds(sent.call.quantile(0.5)));
  out.emplace_back("transmit_call_p99_ns", nanoseconds(sent.call.quantile(0.99)));
  out.emplace_back("transmit_stamp_p50_ns", nanoseconds(sent.stamp.quantile(0.5)));
  out.emplace_back("transmit_stamp_p99_ns", nanoseconds(sent.stamp.quantile(0.99)));
  out.emplace_back("wake_up_p99_ns", nanoseconds(transmitter_->wake_ups().quantile(0.99)));
  out.emplace_back("order_receive_errors", intake_->receive_errors());
  out.emplace_back("order_kernel_drops", intake_->kernel_drops());
  return out;
}

}  // namespace flagfall::slave
