// What the session scenarios share: certificates in a directory of their own, a
// loop that runs until something is true, a log that can be read, a hub and links.
#pragma once

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/random.hh"
#include "common/net/certificates.hh"
#include "common/net/loop.hh"
#include "common/net/session_stream.hh"
#include "master/slave_hub.hh"
#include "slave/master_link.hh"

namespace flagfall::scenario {

inline constexpr Nanos kHeartbeat = std::chrono::milliseconds(250);

/// Every line logged, instead of stderr.
class Lines final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  [[nodiscard]] bool has(const std::string& part) {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(lines_,
                               [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }
  [[nodiscard]] std::string all() {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const std::string& line : lines_) text += "\n  " + line;
    return text;
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    lines_.emplace_back(message.payload.data(), message.payload.size());
  }
  void flush_() override {}

 private:
  std::vector<std::string> lines_;
};

struct Rig {
  std::filesystem::path directory;
  std::shared_ptr<Lines> lines = std::make_shared<Lines>();
  std::shared_ptr<spdlog::logger> previous = spdlog::default_logger();
  SystemClock clock;
  SeededRandom random{1};
  net::Loop loop;

  Rig() {
    (void)std::signal(SIGPIPE, SIG_IGN);  // as the daemons' common frame does: OpenSSL writes with write(2)
    std::string pattern = (std::filesystem::temp_directory_path() / "flagfall-session-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", lines));
    make_ca("ca");
    for (const char* host : {"master-1", "master-2", "fra", "nyc", "stranger"}) certify("ca", host);
  }
  ~Rig() {
    spdlog::set_default_logger(previous);
    std::filesystem::remove_all(directory);
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  Rig(Rig&&) = delete;
  Rig& operator=(Rig&&) = delete;

  [[nodiscard]] std::string path(const std::string& ca, const std::string& file) const {
    return (directory / ca / file).string();
  }
  void make_ca(const std::string& ca) const {
    const auto made = net::make_ca({(directory / ca).string(), std::chrono::days(90)}, clock.real());
    BOOST_REQUIRE_MESSAGE(made.ok(), (made.ok() ? std::string() : made.error()));
  }
  void certify(const std::string& ca, const std::string& host) const {
    const auto made =
        net::make_certificate(host, {(directory / ca).string(), std::chrono::days(60)}, clock.real());
    BOOST_REQUIRE_MESSAGE(made.ok(), (made.ok() ? std::string() : made.error()));
  }

  /// Runs the loop until `done`, at most `limit`; whether it was.
  bool run_until(const std::function<bool()>& done, Nanos limit = std::chrono::seconds(10)) {
    const MonoTime end = clock.mono() + limit;
    const net::Watch poll = loop.every(std::chrono::milliseconds(2), [&] {
      if (done() || clock.mono() >= end) loop.stop();
    });
    loop.run();
    return done();
  }
  void run_for(Nanos time) {
    (void)run_until([] { return false; }, time);
  }
};

inline wire::Services services(const std::string& name, std::size_t addresses = 2) {
  wire::Services made;
  wire::Service service;
  service.name = name;
  for (std::size_t i = 0; i < addresses; ++i)
    service.addresses.push_back(*parse_endpoint("192.0.2." + std::to_string(i + 1) + ":53"));
  service.answers.push_back(*parse_ip("192.0.2.100"));
  service.ttl = 30;
  made.services.push_back(service);
  return made;
}

/// A master's hub on free loopback ports, one a family, or on `port`.
struct Master {
  Rig& rig;
  unsigned changes = 0;
  std::vector<wire::Report> reports;
  std::unique_ptr<master::SlaveHub> hub;

  explicit Master(Rig& the_rig, std::uint16_t port = 0, const std::string& name = "master-1",
                  const std::string& ca = "ca")
      : rig(the_rig) {
    master::HubOptions options;
    options.listen = {{*parse_ip("127.0.0.1"), port}};
    if (port == 0) options.listen.push_back({*parse_ip("::1"), 0});
    options.ca_file = rig.path(ca, "ca.crt");
    options.certificate_file = rig.path(ca, name + ".crt");
    options.key_file = rig.path(ca, name + ".key");
    options.heartbeat = kHeartbeat;
    options.slaves = {{"fra", services("web")}, {"nyc", services("web")}};
    hub = std::make_unique<master::SlaveHub>(
        rig.loop, rig.clock, options,
        master::HubCallbacks{
            [this] { ++changes; },
            [this](const master::SlaveState&, const wire::Report& r) { reports.push_back(r); },
            [] { return std::make_pair(wire::ClockStatus::synchronised, Nanos(1234)); },
            [this] { return from_ns<RefTime>(to_ns(rig.clock.real())); }});
  }
  [[nodiscard]] const master::SlaveState& slave(const std::string& name) const {
    for (const master::SlaveState* s : hub->slaves())
      if (s->name == name) return *s;
    throw std::out_of_range(name);
  }
  [[nodiscard]] std::uint64_t counter(const std::string& name) const {
    for (const auto& [key, value] : hub->counters())
      if (key == name) return value;
    throw std::out_of_range(name);
  }
  [[nodiscard]] Endpoint at() const { return hub->local().front(); }
};

/// A slave's link with all that it told its owner.
struct Slave {
  Rig& rig;
  std::vector<wire::Welcome> welcomes;
  net::SealKey key{};
  std::vector<wire::Services> services;
  std::vector<wire::Heartbeat> heartbeats;
  std::vector<std::string> losses;
  std::unique_ptr<slave::MasterLink> link;

  Slave(Rig& the_rig, const Endpoint& master, const std::string& name,
        const std::string& master_name = "master-1", const std::string& ca = "ca",
        const std::string& trusted = "ca", std::uint64_t instance = 1)
      : rig(the_rig) {
    slave::LinkOptions options;
    options.master = master;
    options.ca_file = rig.path(trusted, "ca.crt");
    options.certificate_file = rig.path(ca, name + ".crt");
    options.key_file = rig.path(ca, name + ".key");
    options.master_name = master_name;
    options.order_port = 4954;
    options.instance = instance;
    link = std::make_unique<slave::MasterLink>(
        rig.loop, rig.clock, rig.random, options,
        slave::LinkCallbacks{
            [this](const wire::Welcome& w, const net::SealKey& k) {
              welcomes.push_back(w);
              key = k;
            },
            [this](const wire::Services& s) {
              services.push_back(s);
              return wire::Ready{std::vector<std::uint32_t>(s.services.size(), 1)};
            },
            [this](const wire::Heartbeat& h, std::optional<MonoTime> /*echoed*/) { heartbeats.push_back(h); },
            [](const wire::PingOrder& /*order*/) {},
            [this](const std::string& why) { losses.push_back(why); },
            [] { return std::make_pair(wire::ClockStatus::synchronised, Nanos(99)); },
            [this] { return from_ns<RefTime>(to_ns(rig.clock.real())); }});
  }
  [[nodiscard]] bool registered() const { return link->registered(); }
};

}  // namespace flagfall::scenario
