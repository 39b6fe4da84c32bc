#include "slave/collector_app.hh"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/log.hh"
#include "common/metrics/process.hh"
#include "common/net/privileges.hh"
#include "common/net/tls.hh"

namespace flagfall::slave {
namespace {

constexpr Nanos kReportInterval = std::chrono::seconds(1);

const char* text_of(wire::Health health) {
  switch (health) {
    case wire::Health::unknown:
      return "unknown";
    case wire::Health::up:
      return "up";
    case wire::Health::down:
      return "down";
  }
  return "unknown";
}

}  // namespace

Result<std::unique_ptr<daemon::Program>> CollectorApp::load(const Config& config) {
  static const SystemClock clock;
  const auto tls = net::TlsContext::load(
      net::TlsRole::client,
      {config.control.ca.text, config.control.certificate.text, config.control.key.text}, clock.real());
  if (!tls) return Error{tls.error()};
  if (const auto secrets = net::AdminSecrets::load(daemon::admin_options(config.admin).files, clock.real());
      !secrets)
    return Error{secrets.error()};
  return std::unique_ptr<daemon::Program>(std::make_unique<CollectorApp>(config, clock));
}

CollectorApp::~CollectorApp() = default;

void CollectorApp::start(net::Loop& loop) {
  try {
    open(loop);
  } catch (...) {
    stop();  // watches must be gone before the loop is
    throw;
  }
}

void CollectorApp::open(net::Loop& loop) {
  started_ = clock_.mono();
  collector_ = std::make_unique<collect::Collector>(config_.collect, config_.checks);
  open_admin(loop);
  open_links(loop);
  net::drop_capabilities();  // all that may need one is open and read
  collector_->start(loop, clock_, random_, links_.size(),
                    [this](std::size_t master, const wire::Evidence& evidence) {
                      return links_.at(master)->send(evidence);
                    });
  every_second_ = loop.every(kReportInterval, [this] { report(); });
}

void CollectorApp::open_links(net::Loop& loop) {
  const std::uint64_t instance = random_.next();
  for (const MasterConfig& master : config_.masters) {
    const std::size_t index = links_.size();
    LinkOptions options;
    options.master = master.address;
    options.ca_file = config_.control.ca.text;
    options.certificate_file = config_.control.certificate.text;
    options.key_file = config_.control.key.text;
    options.master_name = master.name;
    options.instance = instance;
    LinkCallbacks callbacks;
    callbacks.registered = [](const wire::Welcome& /*heard*/, const net::SealKey& /*no orders*/) {};
    callbacks.services = [](const wire::Services& services) {
      wire::Ready ready;
      ready.addresses.resize(services.services.size());  // none that it can send from
      return ready;
    };
    callbacks.master_clock = [](const wire::Heartbeat& /*heard*/, std::optional<MonoTime> /*echoed*/) {};
    callbacks.ping = [this, index](const wire::PingOrder& order) { collector_->ping(index, order); };
    callbacks.lost = [this, index](const std::string& /*the link has logged it*/) {
      collector_->forget(index);
    };
    callbacks.clock = [] { return std::pair(wire::ClockStatus::unknown, Nanos(0)); };
    callbacks.reference_now = [this] { return RefTime(clock_.real().time_since_epoch()); };
    links_.push_back(
        std::make_unique<MasterLink>(loop, clock_, random_, std::move(options), std::move(callbacks)));
  }
}

void CollectorApp::report() {
  wire::Report report;
  report.why_not = "only collects";
  report.provider = "none";
  report.counters = collector_->counters();
  for (const auto& link : links_) (void)link->send(report);
}

void CollectorApp::open_admin(net::Loop& loop) {
  admin_ = std::make_unique<net::AdminServer>(loop, daemon::admin_options(config_.admin));
  admin_->get("/status", [this] { return net::AdminReply{200, status_json()}; });
  admin_->get("/metrics", [this] {
    return net::AdminReply{200, metrics_text(), metrics::Families::kContentType};
  });
  for (const Endpoint& at : admin_->local()) log::info("operators: {}", daemon::admin_url(at));
}

std::string CollectorApp::status_json() const {
  using nlohmann::json;
  json masters = json::array();
  for (std::size_t i = 0; i < links_.size(); ++i)
    masters.push_back(
        {{"name", fmt::format("{} at {}", config_.masters[i].name, to_string(config_.masters[i].address))},
         {"registered", links_[i]->registered()}});
  json checks = json::array();
  for (const wire::Check& check : collector_->checks())
    checks.push_back({{"name", check.name}, {"state", text_of(check.state)}, {"why", check.why}});
  json counters = json::object();
  for (const auto& [name, value] : collector_->counters()) counters[name] = value;
  return json{{"program", "flagfall-slave"},
              {"version", FLAGFALL_VERSION},
              {"pid", getpid()},
              {"uptime_s", metrics::in_seconds(clock_.mono() - started_)},
              {"collects_only", true},
              {"masters", masters},
              {"checks", checks},
              {"counters", counters}}
      .dump();
}

std::string CollectorApp::metrics_text() const {
  metrics::Families out;
  metrics::add_build(out, "flagfall-slave");
  for (std::size_t i = 0; i < links_.size(); ++i)
    out.gauge("flagfall_slave_master_registered", "1 while there is a session with the master",
              links_[i]->registered() ? 1 : 0,
              {{"master",
                fmt::format("{} at {}", config_.masters[i].name, to_string(config_.masters[i].address))}});
  for (const auto& [name, value] : collector_->counters())
    out.counter("flagfall_slave_events_total", "What the slave counts, by the name in /status",
                static_cast<double>(value), {{"event", name}});
  const auto [own, ca] = links_.front()->certificates_expire();
  metrics::add_certificates(out, {own, ca, admin_->certificate_expires()});
  metrics::add_admin(out, admin_->counters());
  metrics::add_process(out, metrics::ProcessFacts::now());
  return out.text();
}

void CollectorApp::stop() {
  admin_.reset();
  every_second_ = net::Watch();
  links_.clear();
  collector_.reset();
}

void CollectorApp::hang_up() {
  for (const auto& link : links_)
    if (const Status read = link->reload_certificates(); !read)
      return log::error("SIGHUP: {}; the certificates stay as they are", read.error());
  if (const Status again = admin_->reload(); !again)
    return log::error("SIGHUP: {}; the admin listener's stay as they are", again.error());
  log::info("SIGHUP: the certificates are read again, for sessions from now on; all else takes a restart");
}

std::string CollectorApp::status() const {
  const auto registered = std::ranges::count_if(links_, [](const auto& link) { return link->registered(); });
  return fmt::format("collects for {} masters, {} connected", links_.size(), registered);
}

}  // namespace flagfall::slave
