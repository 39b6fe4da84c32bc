// The whole master daemon in a process of its own, on loopback, with a real
// chronyd; the test is its slave (a real session) and its clients.
#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/daemon/daemon.hh"
#include "common/daemon/reloadable.hh"
#include "common/net/certificates.hh"
#include "common/net/udp.hh"
#include "master/app.hh"
#include "slave/master_link.hh"
#include "tests/unit/clocksync/real_chronyd.hh"
#include "tests/unit/slave/orders.hh"

using namespace flagfall;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;
using flagfall::testing::Directory;
using flagfall::testing::free_port;
using flagfall::testing::NeedsChronyd;
using flagfall::testing::RealChronyd;
using nlohmann::json;

namespace {

constexpr unsigned kThreads = 4;

/// flagfall-master as main() runs it; its standard error goes to a file.
class MasterProcess {
 public:
  MasterProcess(const std::string& config, const std::string& errors) : pid_(fork()) {
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_range(3, ~0U, 0);
    std::ofstream err(errors);
    const int status = daemon::run(
        {"--config", config, "--log-level", "error"}, {.name = "flagfall-master", .summary = "test"},
        daemon::bind_reloadable(
            master::schema(),
            [](const master::Config& c, const auto& read_again) { return master::App::load(c, read_again); }),
        err, err);
    err.close();
    _exit(status);
  }
  ~MasterProcess() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  MasterProcess(const MasterProcess&) = delete;
  MasterProcess& operator=(const MasterProcess&) = delete;
  MasterProcess(MasterProcess&&) = delete;
  MasterProcess& operator=(MasterProcess&&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const { kill(pid_, number); }
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

std::string contents(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct Stage {
  Directory directory;
  std::uint16_t chrony_port = free_port();
  std::uint16_t control_port = free_port();
  std::optional<RealChronyd> chronyd{std::in_place, directory.path, chrony_port};
  Endpoint service{*parse_ip("127.0.0.1"), free_port()};
  SystemClock clock;
  SystemRandom random;
  net::Loop loop;

  // the slave
  net::Fd orders_at = net::udp_socket({*parse_ip("127.0.0.1"), 0}, {});
  net::UdpReceiver order_receiver;
  std::optional<net::Opener> opener;
  struct Ordered {
    std::uint64_t race = 0;
    RefTime instant;
    RefTime sent;
    Endpoint client;
    std::vector<std::uint8_t> request;
    unsigned channel = 0;
  };
  std::vector<Ordered> ordered;
  std::optional<slave::MasterLink> link;
  bool registered = false;

  Stage() {
    const RealTime now = clock.real();
    BOOST_REQUIRE(net::make_ca({directory.path, std::chrono::days(90)}, now).ok());
    for (const char* host : {"master-1", "fra"})
      BOOST_REQUIRE(net::make_certificate(host, {directory.path, std::chrono::days(60)}, now).ok());
    write_zone("192.0.2.20");
    std::ofstream(config()) << fmt::format(R"(
[dns]
listen = ["{}"]
threads = {}
[[zone]]
origin = "example.test"
file = "zone"
[control]
listen = "127.0.0.1:{}"
ca = "ca.crt"
certificate = "master-1.crt"
key = "master-1.key"
heartbeat = "100ms"
[clock]
chrony = "127.0.0.1:{}"
poll = "50ms"
[verdicts]
teach = 0
[guard]
prefix_burst = 1000
[admin]
socket = "admin.sock"
[[service]]
name = "web"
names = ["*.race.example.test"]
[[service.slave]]
name = "fra"
answers = ["192.0.2.80"]
)",
                                           to_string(service), kThreads, control_port, chrony_port);
  }
  [[nodiscard]] std::string config() const { return directory.path + "/master.toml"; }
  [[nodiscard]] std::string errors() const { return directory.path + "/errors"; }
  void write_zone(const std::string& address) const {
    std::ofstream(directory.path + "/zone")
        << "$TTL 60\n@ SOA ns host 1 2h 30m 2w 300\n@ NS ns\nns A 127.0.0.1\n*.race A " << address << "\n";
  }
  [[nodiscard]] RefTime reference() const { return RefTime(clock.real().time_since_epoch()); }

  void start_slave() {
    slave::LinkOptions options;
    options.master = {*parse_ip("127.0.0.1"), control_port};
    options.ca_file = directory.path + "/ca.crt";
    options.certificate_file = directory.path + "/fra.crt";
    options.key_file = directory.path + "/fra.key";
    options.master_name = "master-1";
    options.order_port = net::local_endpoint(orders_at).port;
    options.instance = 1;
    slave::LinkCallbacks callbacks;
    callbacks.registered = [this](const wire::Welcome&, const net::SealKey& key) {
      opener.emplace(key);
      registered = true;
    };
    callbacks.services = [](const wire::Services& s) {
      return wire::Ready{std::vector<std::uint32_t>(s.services.size(), 1)};
    };
    callbacks.master_clock = [](const wire::Heartbeat&, std::optional<MonoTime>) {};
    callbacks.lost = [this](const std::string&) { registered = false; };
    callbacks.clock = [] { return std::pair(wire::ClockStatus::synchronised, Nanos(1000)); };
    callbacks.reference_now = [this] { return reference(); };
    link.emplace(loop, clock, random, options, callbacks);
  }
  void report(std::vector<wire::RaceOutcome> outcomes = {}) {
    wire::Report r;
    r.racing = true;
    r.clock = wire::ClockStatus::synchronised;
    r.bound = 1ms;
    r.outcomes = std::move(outcomes);
    BOOST_REQUIRE(link->send(r));
  }
  void read_orders() {
    for (const net::Datagram& d : order_receiver.receive(orders_at)) {
      const auto header = net::parse_seal_header(d.data);
      const auto opened = opener->open(d.data);
      BOOST_REQUIRE((opened.verdict == net::Opener::Verdict::ok));
      wire::OrderReader reader(opened.plaintext);
      wire::Order o;
      while (reader.next(o))
        ordered.push_back({o.race,
                           o.instant,
                           reader.sent(),
                           o.client,
                           {o.request.begin(), o.request.end()},
                           header->channel});
    }
  }
  bool run_until(const std::function<bool()>& done, Nanos limit = 10s) {
    const MonoTime end = clock.mono() + limit;
    bool reached = false;
    const net::Watch poll = loop.every(2ms, [&] {
      if (opener) read_orders();
      reached = reached || done();
      if (reached || clock.mono() >= end) loop.stop();
    });
    loop.run();
    return reached;
  }
  void start_fit_slave() {
    start_slave();
    BOOST_REQUIRE(run_until([&] { return registered; }));
    BOOST_REQUIRE(run_until([&] {
      report();
      const json s = status();
      return s.is_object() && s["services"][0]["fit"].size() == 1 && s["clock"]["usable"].get<bool>();
    }));
  }

  /// A request on the admin socket; the body, as JSON; null when nobody is there.
  [[nodiscard]] json admin(const std::string& method, const std::string& path) const {
    const net::Fd fd(net::check(socket(AF_UNIX, SOCK_STREAM, 0), "socket"));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string file = directory.path + "/admin.sock";
    std::copy(file.begin(), file.end(), std::begin(address.sun_path));
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
    const std::string request =
        method + " " + path + " HTTP/1.1\r\nHost: m\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    if (write(fd.get(), request.data(), request.size()) < 0) return {};
    std::string all;
    std::array<char, 4096> room{};
    for (ssize_t n = 0; (n = read(fd.get(), room.data(), room.size())) > 0;)
      all.append(room.data(), static_cast<std::size_t>(n));
    const auto body = all.find("\r\n\r\n");
    return body == std::string::npos ? json() : json::parse(all.substr(body + 4), nullptr, false);
  }
  [[nodiscard]] json status() const { return admin("GET", "/status"); }
};

struct Client {
  net::Fd fd;
  net::UdpSender out{512};
  net::UdpReceiver in{2048};
  explicit Client(const std::string& address = "127.0.0.1")
      : fd(net::udp_socket({*parse_ip(address), 0}, {})) {}

  void ask(const Endpoint& at, const std::string& name, std::uint16_t type = 1) {
    const auto query = slave::testing::query(name, type);
    std::copy(query.begin(), query.end(), out.room().begin());
    out.commit(query.size(), at);
    BOOST_REQUIRE_EQUAL(out.flush(fd).sent, 1U);
  }
  unsigned answers() { return static_cast<unsigned>(in.receive(fd).size()); }
  /// The last four octets of the next answer: the address in its last A record.
  std::optional<IpAddress> address() {
    const auto got = in.receive(fd);
    if (got.empty() || got[0].data.size() < 16) return std::nullopt;
    return ip_from_bytes(got[0].data.last(4));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(master_daemon)

BOOST_AUTO_TEST_CASE(a_query_is_ordered_once_and_its_retry_is_answered_whichever_loop_there_is,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;
  const MasterProcess master(stage.config(), stage.errors());
  stage.start_fit_slave();

  // Clients of forty networks, each with several addresses' worth of ports.
  std::vector<Client> clients;
  clients.reserve(40);
  for (int i = 0; i < 40; ++i) clients.emplace_back(fmt::format("127.0.{}.{}", i, i + 1));
  for (std::size_t i = 0; i < clients.size(); ++i)
    clients[i].ask(stage.service, fmt::format("n{}.race.example.test", i));
  BOOST_REQUIRE(stage.run_until([&] { return stage.ordered.size() >= clients.size(); }));
  std::set<std::uint64_t> races;
  std::set<unsigned> loops;
  for (const auto& o : stage.ordered) {
    BOOST_TEST(races.insert(o.race).second);
    loops.insert(o.channel);
    // The instant is 25 ms after the receipt, which was before the sending.
    BOOST_TEST((o.instant <= o.sent + 25ms));
    BOOST_TEST((o.instant > o.sent - 1s));
  }
  BOOST_TEST(loops.size() == kThreads);

  // Another socket of the same address: another port, the same loop, and so a retry.
  for (std::size_t i = 0; i < clients.size(); ++i) {
    Client again(to_string(net::local_endpoint(clients[i].fd).ip));
    again.ask(stage.service, fmt::format("n{}.RACE.example.test", i));
    BOOST_TEST(stage.run_until([&] { return again.answers() == 1; }, 2s));
  }
  BOOST_TEST(stage.ordered.size() == clients.size());
  const json status = stage.status();
  BOOST_TEST(status["races"] == clients.size());
  BOOST_TEST(status["fallback"]["retry"] == clients.size());
  BOOST_TEST(status["slaves"][0]["orders_sent"] == clients.size());
  BOOST_TEST(status["threads"] == kThreads);
}

BOOST_AUTO_TEST_CASE(reports_are_added_up_and_a_pause_holds_until_it_ends,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;
  MasterProcess master(stage.config(), stage.errors());
  stage.start_fit_slave();
  Client client;
  client.ask(stage.service, "a.race.example.test");
  BOOST_REQUIRE(stage.run_until([&] { return stage.ordered.size() == 1; }));
  using Fate = wire::RaceOutcome::Fate;
  stage.report({{stage.ordered[0].race, Fate::sent, 10ms, 20us}, {2, Fate::sent_late, 30ms, 5ms}});
  json slave;
  BOOST_REQUIRE(stage.run_until([&] {
    slave = stage.status()["slaves"][0];
    return slave["one_way_ms"]["count"] == 2;
  }));
  BOOST_TEST(slave["outcomes"]["sent"] == 1);
  BOOST_TEST(slave["on_time_share"] == 0.5);
  BOOST_TEST(slave["transmit_error_us"]["count"] == 1);
  BOOST_TEST(slave["one_way_ms"]["max"] == 30.0);
  BOOST_TEST(slave["fit"] == true);

  BOOST_TEST(stage.admin("POST", "/pause-racing")["paused"] == true);
  client.ask(stage.service, "b.race.example.test");
  BOOST_TEST(stage.run_until([&] { return client.answers() == 1; }));
  BOOST_TEST(stage.status()["fallback"]["paused"] == 1);
  BOOST_TEST(stage.status()["racing"]["why_not"] == "paused by an operator");
  BOOST_TEST(stage.admin("POST", "/resume-racing")["paused"] == false);
  client.ask(stage.service, "c.race.example.test");
  BOOST_TEST(stage.run_until([&] { return stage.ordered.size() == 2; }));

  // Its slave gone, the master answers by itself.
  stage.link.reset();
  BOOST_REQUIRE(stage.run_until([&] { return stage.status()["services"][0]["fit"].empty(); }));
  client.ask(stage.service, "d.race.example.test");
  BOOST_TEST(stage.run_until([&] { return client.answers() == 1; }));
  BOOST_TEST(stage.status()["slaves"][0]["why_not"] == "its session is lost");
  master.signal(SIGTERM);
  BOOST_TEST(master.wait() == 0);
  BOOST_TEST(access((stage.directory.path + "/admin.sock").c_str(), F_OK) != 0);
}

BOOST_AUTO_TEST_CASE(without_chronyd_there_is_no_race_until_it_is_back,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;
  const MasterProcess master(stage.config(), stage.errors());
  stage.start_fit_slave();
  stage.chronyd.reset();
  BOOST_REQUIRE(stage.run_until([&] { return !stage.status()["clock"]["usable"].get<bool>(); }));
  Client client;
  client.ask(stage.service, "a.race.example.test");
  BOOST_TEST(stage.run_until([&] { return client.answers() == 1; }));
  const json status = stage.status();
  BOOST_TEST(status["fallback"]["clock"] == 1);
  BOOST_TEST(status["racing"]["standing_down"] == true);
  stage.chronyd.emplace(stage.directory.path, stage.chrony_port);
  BOOST_REQUIRE(stage.run_until([&] { return stage.status()["clock"]["usable"].get<bool>(); }));
  client.ask(stage.service, "b.race.example.test");
  BOOST_TEST(stage.run_until([&] { return stage.ordered.size() == 1; }));
}

BOOST_AUTO_TEST_CASE(zones_are_read_again_on_request_and_on_sighup_and_bad_ones_change_nothing,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;
  const MasterProcess master(stage.config(), stage.errors());
  BOOST_REQUIRE(stage.run_until([&] { return stage.status().is_object(); }));
  Client client;
  int asked = 0;
  const auto answered_with = [&](const char* address) {
    return stage.run_until([&] {
      client.ask(stage.service, fmt::format("n{}.race.example.test", ++asked));
      usleep(2000);
      return client.address() == *parse_ip(address);
    });
  };
  BOOST_TEST(answered_with("192.0.2.20"));
  stage.write_zone("192.0.2.21");
  BOOST_TEST(stage.admin("POST", "/reload")["reloaded"] == true);
  BOOST_TEST(answered_with("192.0.2.21"));
  stage.write_zone("not-an-address");
  const json refused = stage.admin("POST", "/reload");
  BOOST_TEST(refused["error"].get<std::string>().find("zone:5:") != std::string::npos);
  BOOST_TEST(answered_with("192.0.2.21"));
  stage.write_zone("192.0.2.22");
  master.signal(SIGHUP);
  BOOST_TEST(answered_with("192.0.2.22"));
}

BOOST_AUTO_TEST_CASE(cookie_secrets_are_read_again_too_and_bad_ones_change_nothing,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;
  std::string config = contents(stage.config());
  config.insert(config.find("[control]"), "[cookies]\nsecrets = \"secrets\"\n");
  std::ofstream(stage.config()) << config;
  const std::string file = stage.directory.path + "/secrets";
  std::ofstream(file) << "000102030405060708090a0b0c0d0e0f\n";
  BOOST_REQUIRE(chmod(file.c_str(), 0600) == 0);
  const MasterProcess master(stage.config(), stage.errors());
  BOOST_REQUIRE(stage.run_until([&] { return stage.status().is_object(); }));
  std::ofstream(file) << "no secret\n";
  stage.write_zone("192.0.2.21");
  const json refused = stage.admin("POST", "/reload");
  BOOST_TEST(refused["error"].get<std::string>().find("secrets:1:") != std::string::npos);
  Client client;  // nor has the zone changed, which was good
  client.ask(stage.service, "a.race.example.test");
  BOOST_TEST(stage.run_until([&] { return client.address() == *parse_ip("192.0.2.20"); }));
  std::ofstream(file) << "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\n000102030405060708090a0b0c0d0e0f\n";
  BOOST_TEST(stage.admin("POST", "/reload")["reloaded"] == true);
}

BOOST_AUTO_TEST_CASE(icmp_errors_are_counted_and_cost_neither_answers_nor_a_busy_loop,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;
  const MasterProcess master(stage.config(), stage.errors());
  BOOST_REQUIRE(stage.run_until([&] { return stage.status().is_object(); }));
  const auto cpu = [&] {
    const std::string all = contents(fmt::format("/proc/{}/stat", master.pid()));
    std::istringstream fields(all.substr(all.rfind(')') + 2));
    std::string skip;
    long user = 0;
    long system = 0;
    for (int i = 0; i < 11; ++i) fields >> skip;
    fields >> user >> system;
    return user + system;  // ticks of 10 ms
  };
  Client patient;
  for (int i = 0; i < 50; ++i) {
    // A client that does not wait for its answer: the answer draws a port-unreachable.
    Client(fmt::format("127.0.1.{}", i + 1)).ask(stage.service, fmt::format("x{}.race.example.test", i));
    patient.ask(stage.service, fmt::format("y{}.race.example.test", i));
    BOOST_TEST(stage.run_until([&] { return patient.answers() == 1; }, 2s));
  }
  BOOST_TEST(stage.run_until([&] { return stage.status()["counters"]["icmp_errors"] > 0; }));
  BOOST_TEST(stage.status()["counters"]["answers_failed"] == 0);
  const long before = cpu();
  (void)stage.run_until([] { return false; }, 1s);
  BOOST_TEST(cpu() - before < 30);  // a loop that never sleeps would use 100
}

BOOST_AUTO_TEST_CASE(a_busy_port_is_one_line_that_says_which,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;
  const MasterProcess first(stage.config(), stage.errors());
  BOOST_REQUIRE(stage.run_until([&] { return stage.status().is_object(); }));
  MasterProcess second(stage.config(), stage.errors() + "2");
  BOOST_TEST(second.wait() == 1);
  const std::string text = contents(stage.errors() + "2");
  BOOST_TEST_MESSAGE(text);
  BOOST_TEST(text.find(to_string(stage.service)) != std::string::npos);
  BOOST_TEST(text.find("another program has this port") != std::string::npos);
  BOOST_TEST(std::count(text.begin(), text.end(), '\n') == 1);
  BOOST_TEST(stage.status().is_object());  // the first one did not lose anything
}

BOOST_AUTO_TEST_CASE(what_fails_last_at_start_ends_it_cleanly,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  Stage stage;  // by then sessions, clock and request loops are open
  std::string config = contents(stage.config());
  config.replace(config.find("admin.sock"), 10, "none/admin.sock");
  std::ofstream(stage.config()) << config;
  MasterProcess master(stage.config(), stage.errors());
  BOOST_TEST(master.wait() == 1);
  const std::string text = contents(stage.errors());  // under a sanitizer that complains: empty
  BOOST_TEST(text.find("none/admin.sock: make its folder") != std::string::npos);
  BOOST_TEST(std::count(text.begin(), text.end(), '\n') == 1);
}

BOOST_AUTO_TEST_SUITE_END()
