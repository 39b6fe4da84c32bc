// The whole slave daemon in a process of its own, with a real session, a real
// chronyd and real sockets, on loopback; the test is its master and its clients.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <map>
#include <optional>

#include "common/base/histogram.hh"
#include "common/net/certificates.hh"
#include "common/net/privileges.hh"
#include "common/net/udp.hh"
#include "master/slave_hub.hh"
#include "slave/app.hh"
#include "slave/lead.hh"
#include "tests/unit/clocksync/real_chronyd.hh"
#include "tests/unit/slave/orders.hh"

using namespace flagfall;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;
using flagfall::testing::Directory;
using flagfall::testing::free_port;
using flagfall::testing::NeedsChronyd;
using flagfall::testing::RealChronyd;
using Fate = wire::RaceOutcome::Fate;

namespace {

const Endpoint kForeign = *parse_endpoint("192.0.2.1:5300");  // NOLINT(cert-err58-cpp)

/// flagfall-slave as main() runs it.
class SlaveProcess {
 public:
  explicit SlaveProcess(const std::string& config) : pid_(fork()) {
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_range(3, ~0U, 0);  // the test's own sockets, listening ones above all
    _exit(daemon::run(
        {"--config", config, "--log-level", "warning"}, {.name = "flagfall-slave", .summary = "test"},
        daemon::bind(slave::schema(), [](const slave::Config& c) { return slave::App::load(c); })));
  }
  ~SlaveProcess() {
    if (pid_ > 0) kill(pid_, SIGKILL);
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
  }
  SlaveProcess(const SlaveProcess&) = delete;
  SlaveProcess& operator=(const SlaveProcess&) = delete;
  SlaveProcess(SlaveProcess&&) = delete;
  SlaveProcess& operator=(SlaveProcess&&) = delete;
  void terminate() const { kill(pid_, SIGTERM); }
  void hang_up() const { kill(pid_, SIGHUP); }
  /// The exit status, or -1 after a death by signal.
  int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
};

struct Stage {
  Directory directory;
  std::uint16_t chrony_port = free_port();
  std::optional<RealChronyd> chronyd;
  SystemClock clock;
  net::Loop loop;
  Endpoint local_service{*parse_ip("127.0.0.1"), free_port()};
  std::vector<wire::RaceOutcome> outcomes;
  wire::Report last_report;
  std::optional<master::SlaveHub> hub;
  std::optional<net::Sealer> sealer;
  std::uint32_t sealed_session = 0;
  net::Fd client =
      net::udp_socket({*parse_ip("127.0.0.1"), 0}, {.receive_stamps = true, .receive_buffer = 1 << 20});
  net::Fd order_socket = net::udp_socket({*parse_ip("127.0.0.1"), 0}, {});
  net::UdpReceiver receiver;

  Stage() : chronyd(std::in_place, directory.path, chrony_port) {
    const RealTime now = clock.real();
    BOOST_REQUIRE(net::make_ca({directory.path + "/pki", std::chrono::days(90)}, now).ok());
    for (const char* host : {"master-1", "fra"})
      BOOST_REQUIRE(net::make_certificate(host, {directory.path + "/pki", std::chrono::days(60)}, now).ok());
    start_hub({*parse_ip("127.0.0.1"), 0});
    std::ofstream(directory.path + "/slave.toml")
        << "[[master]]\naddress = \"" << to_string(hub->local().front()) << "\"\nname = \"master-1\"\n"
        << "[control]\nca = \"pki/ca.crt\"\ncertificate = \"pki/fra.crt\"\nkey = \"pki/fra.key\"\n"
        << "[orders]\nlisten = [\"127.0.0.1:" << free_port() << "\"]\n"
        << "[transmit]\nsources = [\"" << to_string(kForeign) << "\", \"" << to_string(local_service)
        << "\"]\n"
        << "[clock]\nchrony = \"127.0.0.1:" << chrony_port << "\"\npoll = \"50ms\"\n";
  }
  [[nodiscard]] std::string config() const { return directory.path + "/slave.toml"; }

  void start_hub(const Endpoint& listen) {
    master::HubOptions options;
    options.listen = {listen};
    options.ca_file = directory.path + "/pki/ca.crt";
    options.certificate_file = directory.path + "/pki/master-1.crt";
    options.key_file = directory.path + "/pki/master-1.key";
    options.heartbeat = 100ms;
    wire::Services services;
    services.services.push_back(slave::testing::service(
        "web", {kForeign, local_service, {*parse_ip("192.0.2.2"), 53}}, {*parse_ip("192.0.2.80")}));
    services.since = reference();
    options.slaves["fra"] = services;
    hub.emplace(loop, clock, options,
                master::HubCallbacks{[] {},
                                     [this](const master::SlaveState&, const wire::Report& report) {
                                       outcomes.insert(outcomes.end(), report.outcomes.begin(),
                                                       report.outcomes.end());
                                       last_report = report;
                                     },
                                     [] { return std::pair(wire::ClockStatus::synchronised, Nanos(1000)); },
                                     [this] { return reference(); }});
  }
  /// All clocks of this host are one.
  [[nodiscard]] RefTime reference() const { return RefTime(clock.real().time_since_epoch()); }
  [[nodiscard]] const master::SlaveState& slave() const { return *hub->slaves().front(); }

  bool run_until(const std::function<bool()>& done, Nanos limit = 10s) {
    const MonoTime end = clock.mono() + limit;
    bool reached = false;
    const net::Watch poll = loop.every(2ms, [&] {
      reached = reached || done();
      if (reached || clock.mono() >= end) loop.stop();
    });
    loop.run();
    return reached;
  }

  void order(std::uint64_t race, RefTime instant, std::uint8_t address) {
    if (sealed_session != slave().session) {
      sealer.emplace(slave().key, slave().session, 0);
      sealed_session = slave().session;
    }
    const auto request = slave::testing::query("r" + std::to_string(race) + ".race.example.test", 1);
    wire::Order order;
    order.race = race;
    order.instant = instant;
    order.address = address;
    order.client = net::local_endpoint(client);
    order.request = request;
    net::UdpSender sender;
    const MutableBytes room = sender.room();
    wire::OrderWriter writer(room.subspan(net::kSealHeader, room.size() - net::kSealOverhead), reference());
    BOOST_REQUIRE(writer.add(order));
    sender.commit(sealer->seal(room, writer.size()), slave().orders);
    BOOST_REQUIRE_EQUAL(sender.flush(order_socket).sent, 1U);
  }

  struct Arrival {
    Endpoint from;
    RealTime stamp;
  };
  std::vector<Arrival> arrivals() {
    std::vector<Arrival> out;
    for (const net::Datagram& d : receiver.receive(client)) out.push_back({d.from, d.stamp});
    return out;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(slave_daemon)

BOOST_AUTO_TEST_CASE(orders_become_answers_at_their_instants_from_foreign_and_local_addresses,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;
  SlaveProcess process(stage.config());
  BOOST_REQUIRE(stage.run_until([&] { return stage.slave().fit(); }));
  // The third address is not in the slave's sources: it says so.
  BOOST_REQUIRE_EQUAL(stage.slave().ready.size(), 1U);
  BOOST_TEST(stage.slave().ready[0] == 0b011U);
  BOOST_TEST((stage.last_report.clock == wire::ClockStatus::synchronised));
  BOOST_TEST((stage.last_report.own_bound > 0ns && stage.last_report.own_bound < 5ms));
  BOOST_TEST((stage.last_report.bound > stage.last_report.own_bound));

  // A server of the local service: it must not lose a query to the slave.
  const net::Fd server = net::udp_socket(stage.local_service, {});

  constexpr std::uint64_t kRaces = 60;
  std::vector<RefTime> instants;
  std::vector<Stage::Arrival> arrivals;
  for (std::uint64_t race = 0; race < kRaces; ++race) {
    instants.push_back(stage.reference() + 25ms);
    stage.order(race, instants.back(), static_cast<std::uint8_t>(race % 2));
    const std::size_t seen = arrivals.size();
    BOOST_REQUIRE(stage.run_until([&] {
      for (const auto& a : stage.arrivals()) arrivals.push_back(a);
      return arrivals.size() > seen;
    }));
  }
  BOOST_REQUIRE_EQUAL(arrivals.size(), kRaces);
  Histogram miss;
  for (std::size_t i = 0; i < kRaces; ++i) {
    BOOST_TEST((arrivals[i].from == (i % 2 == 0 ? kForeign : stage.local_service)));
    const Nanos error = arrivals[i].stamp.time_since_epoch() - instants[i].time_since_epoch();
    BOOST_TEST((error > -1ms));
    miss.add(error);
  }
  BOOST_TEST_MESSAGE("arrival after the instant: p50 " << miss.quantile(0.5).count() / 1000 << " us, p90 "
                                                       << miss.quantile(0.9).count() / 1000 << " us");
  BOOST_TEST((miss.quantile(0.5) < 2ms));

  BOOST_REQUIRE(stage.run_until([&] { return stage.outcomes.size() >= kRaces; }));
  std::uint64_t on_time = 0;  // a busy machine may deliver an order after its instant
  for (const wire::RaceOutcome& o : stage.outcomes) {
    BOOST_TEST((o.fate == Fate::sent || o.fate == Fate::sent_late));
    on_time += o.fate == Fate::sent ? 1 : 0;
    BOOST_TEST((o.one_way > -1ms && o.one_way < 1s));
    BOOST_TEST((o.transmit_error >= -slave::kMostLead));
  }
  BOOST_TEST(on_time > kRaces / 2);
  const std::map<std::string, std::uint64_t> counters(stage.last_report.counters.begin(),
                                                      stage.last_report.counters.end());
  BOOST_TEST(counters.at("answers_sent") == kRaces);
  BOOST_TEST(counters.at("answers_stamped") == kRaces);
  process.terminate();
  BOOST_TEST(process.wait() == 0);
}

BOOST_AUTO_TEST_CASE(without_chronyd_it_stands_down_and_comes_back_by_itself,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;
  const SlaveProcess process(stage.config());
  BOOST_REQUIRE(stage.run_until([&] { return stage.slave().fit(); }));
  stage.chronyd.reset();
  BOOST_REQUIRE(stage.run_until([&] { return !stage.slave().last_report.racing; }));
  BOOST_TEST(stage.slave().registered);
  BOOST_TEST(stage.last_report.why_not.find("chronyd at 127.0.0.1:") != std::string::npos);
  // A master that has not yet heard of it is refused.
  stage.outcomes.clear();
  stage.order(1, stage.reference() + 10ms, 0);
  BOOST_REQUIRE(stage.run_until([&] { return !stage.outcomes.empty(); }));
  BOOST_TEST((stage.outcomes[0].fate == Fate::refused));
  BOOST_TEST(stage.arrivals().empty());
  stage.chronyd.emplace(stage.directory.path, stage.chrony_port);
  BOOST_TEST(stage.run_until([&] { return stage.slave().fit(); }));
}

BOOST_AUTO_TEST_CASE(queued_orders_fire_when_the_master_is_gone_and_the_slave_returns_to_it,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;
  const SlaveProcess process(stage.config());
  BOOST_REQUIRE(stage.run_until([&] { return stage.slave().fit(); }));
  const RefTime instant = stage.reference() + 400ms;
  stage.order(1, instant, 0);
  stage.run_until([] { return false; }, 50ms);
  const Endpoint address = stage.hub->local().front();
  stage.hub.reset();
  std::vector<Stage::Arrival> arrivals;
  BOOST_REQUIRE(stage.run_until([&] {
    arrivals = stage.arrivals();
    return !arrivals.empty();
  }));
  BOOST_TEST((arrivals[0].stamp.time_since_epoch() > instant.time_since_epoch() - 1ms));
  stage.start_hub(address);
  const MonoTime back = stage.clock.mono();
  BOOST_TEST(stage.run_until([&] { return stage.slave().fit(); }));
  BOOST_TEST((stage.clock.mono() - back < 5s));
  stage.order(2, stage.reference() + 15ms, 0);
  BOOST_TEST(stage.run_until([&] { return !stage.arrivals().empty(); }));
}

BOOST_AUTO_TEST_CASE(on_sighup_it_lives_on_with_its_session,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;
  SlaveProcess process(stage.config());
  BOOST_REQUIRE(stage.run_until([&] { return stage.slave().fit(); }));
  process.hang_up();
  stage.run_until([] { return false; }, 100ms);
  stage.order(1, stage.reference() + 15ms, 0);
  BOOST_TEST(stage.run_until([&] { return !stage.arrivals().empty(); }));
  BOOST_TEST(stage.slave().sessions == 1U);
  process.terminate();
  BOOST_TEST(process.wait() == 0);
}

BOOST_AUTO_TEST_CASE(on_sigterm_what_is_due_soon_still_leaves_and_the_end_is_clean,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;
  SlaveProcess process(stage.config());
  BOOST_REQUIRE(stage.run_until([&] { return stage.slave().fit(); }));
  const MonoTime begin = stage.clock.mono();
  stage.order(1, stage.reference() + 300ms, 0);
  stage.order(2, stage.reference() + 8s, 0);
  stage.run_until([] { return false; }, 100ms);
  process.terminate();
  BOOST_TEST(process.wait() == 0);
  BOOST_TEST((stage.clock.mono() - begin < 4s));
  BOOST_TEST(stage.arrivals().size() == 1U);
}

BOOST_AUTO_TEST_CASE(without_the_capability_it_says_which_one_and_what_to_do,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  const Stage stage;
  const std::string errors = stage.directory.path + "/errors";
  const pid_t pid = fork();
  if (pid == 0) {
    net::drop_capabilities();
    std::ofstream err(errors);
    const int status = daemon::run(
        {"--config", stage.config()}, {.name = "flagfall-slave", .summary = "test"},
        daemon::bind(slave::schema(), [](const slave::Config& c) { return slave::App::load(c); }), err, err);
    err.close();
    _exit(status);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  BOOST_TEST(WEXITSTATUS(status) == 1);
  std::ifstream in(errors);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  BOOST_TEST(text.find("CAP_NET_RAW is missing") != std::string::npos);
  BOOST_TEST(std::ranges::count(text, '\n') == 1);
}

BOOST_AUTO_TEST_SUITE_END()
