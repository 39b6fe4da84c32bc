// The NTP provider against real chronyd daemons on the loopback, its host's
// clock being wrong by a known amount; and against a server that lies.
#include "clocksync/ntp_source.hh"

#include <fcntl.h>
#include <signal.h>  // NOLINT(*-deprecated-headers): kill
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "clocksync/clock_source.hh"
#include "clocksync/learned_source.hh"
#include "clocksync/ntp_keys.hh"
#include "common/net/udp.hh"
#include "tests/skewed/skewed_clock.hh"

using namespace flagfall;             // NOLINT(*-using-namespace)
using namespace flagfall::clocksync;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;
using tests::SkewedClock;
using wire::ClockStatus;

namespace {

Endpoint loopback(std::uint16_t port = 0) {
  Endpoint e = *parse_endpoint("127.0.0.1:1");
  e.port = port;
  return e;
}
Endpoint loopback6(std::uint16_t port) {
  Endpoint e = *parse_endpoint("[::1]:1");
  e.port = port;
  return e;
}

struct Directory {
  std::string path;
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ffntp.XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
};

constexpr const char* kKey = "HEX:603deb1015ca71be2b73aef0857d7781";

/// Serves its local clock on a port of the loopback and leaves the system's alone (-x).
class Chronyd {
 public:
  /// Without a port: one that was free a moment ago.
  explicit Chronyd(std::uint16_t port = 0)
      : port_(port != 0 ? port : net::local_endpoint(net::udp_socket(loopback(), {})).port) {
    const std::string config = directory_.path + "/chrony.conf";
    std::ofstream(directory_.path + "/keys") << "7 AES128 " << kKey << "\n";
    chmod((directory_.path + "/keys").c_str(), 0600);
    std::ofstream(config) << "local stratum 10\nallow 127.0.0.0/8\nallow ::1\ncmdport 0\nport " << port_
                          << "\nbindcmdaddress /\npidfile " << directory_.path << "/pid\nkeyfile "
                          << directory_.path << "/keys\n";
    std::vector<std::string> words = {"chronyd", "-x", "-n", "-u", "root", "-f", config};
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, (directory_.path + "/log").c_str(), O_WRONLY | O_CREAT,
                                     0600);
    BOOST_REQUIRE_EQUAL(posix_spawn(&pid_, "/usr/sbin/chronyd", &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Chronyd() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  Chronyd(const Chronyd&) = delete;
  Chronyd& operator=(const Chronyd&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string keys() const { return directory_.path + "/keys"; }

 private:
  Directory directory_;
  std::uint16_t port_ = 0;
  pid_t pid_ = 0;
};

/// Answers with the system's time, wrong by `error`, on the test's loop.
struct ScriptedServer {
  net::Loop& loop;
  net::Fd fd = net::udp_socket(loopback(), {});
  net::UdpReceiver receiver;
  net::UdpSender sender;
  SystemClock clock;
  Nanos error{};
  unsigned copies = 1;
  std::uint32_t kiss = 0;
  net::Watch watch;

  ScriptedServer(net::Loop& l, Nanos e) : loop(l), error(e) {
    watch = loop.on_readable(fd.get(), [this] { serve(); });
  }
  [[nodiscard]] Endpoint address() const { return net::local_endpoint(fd); }
  void serve() {
    for (const net::Datagram& d : receiver.receive(fd)) {
      const auto request = wire::parse_ntp(d.data);
      BOOST_REQUIRE(request.has_value());
      wire::NtpPacket p;
      p.mode = static_cast<std::uint8_t>(wire::NtpMode::server);
      p.stratum = kiss == 0 ? 1 : 0;
      p.reference_id = kiss;
      p.precision = -25;
      p.origin = request->packet.transmit;
      p.receive = p.transmit = wire::to_ntp(RefTime(clock.real().time_since_epoch() + error));
      for (unsigned i = 0; i < copies; ++i) sender.commit(wire::encode_ntp(p, sender.room()), d.from);
    }
    sender.flush(fd);
  }
};

template <class Done>
bool run_until(net::Loop& loop, Done done, Nanos most = 10s) {
  bool reached = false;
  const auto limit = loop.after(most, [&] { loop.stop(); });
  const auto look = loop.every(5ms, [&] {
    if (!done()) return;
    reached = true;
    loop.stop();
  });
  loop.run();
  return reached;
}
void run_for(net::Loop& loop, Nanos length) {
  const auto limit = loop.after(length, [&] { loop.stop(); });
  loop.run();
}

/// The truth is CLOCK_REALTIME: every daemon here serves it.
struct Judgement {
  Nanos error{};
  Nanos bound{};
};
Judgement judge(const RefMap& map, const Clock& clock) {
  const SystemClock system;
  Judgement best{0ns, Nanos::max()};
  for (int i = 0; i < 5; ++i) {  // the narrowest of five brackets
    const RealTime before = system.real();
    const MonoTime now = clock.mono();
    const RealTime after = system.real();
    const Nanos width = after - before;
    const Nanos bound = map.bound_at(now) + width;
    if (bound < best.bound)
      best = {map.to_ref(now).time_since_epoch() - (before.time_since_epoch() + width / 2), bound};
  }
  return best;
}

std::map<std::string, std::uint64_t, std::less<>> counters(const NtpSource& source) {
  std::map<std::string, std::uint64_t, std::less<>> out;
  source.for_each_counter(
      [&](std::string_view name, std::uint64_t value) { out[std::string(name)] = value; });
  return out;
}

NtpOptions options(std::initializer_list<Endpoint> servers) {
  NtpOptions out;
  for (const Endpoint& e : servers) out.servers.push_back({e});
  out.poll_least = out.poll_most = 40ms;
  return out;
}

bool synchronised(const NtpSource& source) {
  return source.current().status == ClockStatus::synchronised;
}

/// chronyd refuses to start for anybody but root.
struct NeedsChronyd {
  boost::test_tools::assertion_result operator()(boost::unit_test::test_unit_id /*unit*/) const {
    boost::test_tools::assertion_result result(geteuid() == 0 && access("/usr/sbin/chronyd", X_OK) == 0);
    result.message() << "needs root and /usr/sbin/chronyd";
    return result;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(ntp_source)

BOOST_AUTO_TEST_CASE(a_host_seconds_off_and_drifting_finds_the_time_of_a_real_chronyd,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  const Chronyd chronyd;
  for (const double ppm : {-95.0, 95.0}) {
    net::Loop loop;
    const SkewedClock clock(ppm > 0 ? 5s : -7s, ppm);
    SystemRandom random;
    unsigned judged = 0, outside = 0;
    Nanos worst{};
    const NtpSource source(loop, clock, random, options({loopback(chronyd.port())}), [](const RefMap&) {});
    BOOST_REQUIRE(run_until(loop, [&] { return synchronised(source); }));
    const auto look = loop.every(7ms, [&] {
      const Judgement j = judge(source.current(), clock);
      ++judged;
      outside += std::chrono::abs(j.error) > j.bound ? 1 : 0;
      worst = std::max(worst, std::chrono::abs(j.error));
    });
    run_for(loop, 500ms);
    const auto count = counters(source);
    const RefMap& map = source.current();
    BOOST_TEST_MESSAGE("worst error " << worst.count() << " ns, bound " << map.bound.count()
                                      << " ns, expected " << map.expected.count() << " ns, rate "
                                      << map.rate_ppm << " ppm");
    for (const auto& [name, value] : count)
      if (value != 0) BOOST_TEST_MESSAGE("  " << name << " " << value);
    BOOST_TEST(judged > 20U);
    BOOST_TEST(outside == 0U);
    BOOST_TEST((map.bound < 5ms));
    BOOST_TEST(count.at("ntp_interleaved") > 10U);
    BOOST_TEST(count.at("ntp_kernel_stamps") + 4 >= 2 * count.at("ntp_replies"));
    BOOST_TEST(count.at("ntp_foreign") + count.at("ntp_malformed") + count.at("ntp_forged") == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_system_clock_set_by_an_hour_moves_nothing,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  const Chronyd chronyd;
  net::Loop loop;
  SkewedClock clock(3s, 20);
  SystemRandom random;
  const NtpSource source(loop, clock, random, options({loopback(chronyd.port())}), [](const RefMap&) {});
  BOOST_REQUIRE(run_until(loop, [&] { return synchronised(source); }));
  for (const Nanos by : {Nanos(1h), Nanos(-2h), Nanos(50us)}) {
    // Between a request and its reply: the loop is idle only while one is under way or none is due.
    const auto before = counters(source).at("ntp_requests");
    BOOST_REQUIRE(run_until(loop, [&] { return counters(source).at("ntp_requests") > before; }));
    clock.set(by);
    for (int i = 0; i < 10; ++i) {
      run_for(loop, 20ms);
      const Judgement j = judge(source.current(), clock);
      BOOST_TEST((std::chrono::abs(j.error) <= j.bound));
      BOOST_TEST(synchronised(source));
    }
  }
  BOOST_TEST(source.pool().counters().restarted.get() == 0U);
}

BOOST_AUTO_TEST_CASE(a_clock_set_while_a_request_is_under_way_costs_that_exchange) {
  net::Loop loop;
  SkewedClock clock(0s, 0);
  SeededRandom random(2);
  ScriptedServer server(loop, 0s);
  NtpOptions wanted = options({server.address()});
  wanted.interleave = false;
  const NtpSource source(loop, clock, random, wanted, [](const RefMap&) {});
  BOOST_REQUIRE(run_until(loop, [&] { return synchronised(source); }));
  server.watch = net::Watch();  // it does not answer for a while
  const auto before = counters(source).at("ntp_requests");
  BOOST_REQUIRE(run_until(loop, [&] { return counters(source).at("ntp_requests") >= before + 2; }));
  clock.set(1h);
  server.watch = loop.on_readable(server.fd.get(), [&] { server.serve(); });
  BOOST_TEST(run_until(loop, [&] { return counters(source).at("ntp_stepped") >= 1; }));
  BOOST_TEST(run_until(loop, [&] { return synchronised(source); }));
  const Judgement j = judge(source.current(), clock);
  BOOST_TEST((std::chrono::abs(j.error) <= j.bound));
  BOOST_TEST(source.pool().counters().doubted.get() == 0U);
}

BOOST_AUTO_TEST_CASE(a_liar_among_three_is_out_voted_by_two_real_ones,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  const Chronyd one, two;
  net::Loop loop;
  const SkewedClock clock(-2s, 50);
  SystemRandom random;
  ScriptedServer liar(loop, 1s);
  const NtpSource source(loop, clock, random,
                         options({liar.address(), loopback(one.port()), loopback6(two.port())}),
                         [&](const RefMap& map) {
                           if (map.status == ClockStatus::unknown) return;
                           const Judgement j = judge(map, clock);
                           BOOST_TEST((std::chrono::abs(j.error) <= j.bound));
                         });
  BOOST_REQUIRE(run_until(loop, [&] { return synchronised(source) && source.pool().falseticker(0); }));
  run_for(loop, 200ms);
  BOOST_TEST(synchronised(source));
  BOOST_TEST(source.pool().falseticker(0));
  BOOST_TEST(!source.pool().falseticker(1));
  BOOST_TEST(!source.pool().falseticker(2));
  BOOST_TEST(source.pool().best() != 0U);
}

BOOST_AUTO_TEST_CASE(a_key_shared_with_a_real_chronyd_authenticates_and_another_does_not,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  const Chronyd chronyd;
  net::Loop loop;
  const SystemClock clock;
  SystemRandom random;
  NtpOptions right = options({loopback(chronyd.port())});
  const auto key = read_ntp_key(chronyd.keys(), 7);
  BOOST_REQUIRE(key.ok());
  right.servers[0].key_id = 7;
  right.servers[0].key = *key;
  const NtpSource good(loop, clock, random, right, [](const RefMap&) {});
  BOOST_TEST(run_until(loop, [&] { return synchronised(good); }));
  BOOST_TEST(run_until(loop, [&] { return good.pool().client(0).counters().interleaved.get() > 2; }));
  BOOST_TEST(counters(good).at("ntp_forged") == 0U);

  NtpOptions wrong = right;
  wrong.servers[0].key[3] ^= 1;
  const NtpSource bad(loop, clock, random, wrong, [](const RefMap&) {});
  run_for(loop, 300ms);
  BOOST_TEST((bad.current().status == ClockStatus::unknown));
  BOOST_TEST(counters(bad).at("ntp_replies") == 0U);
}

BOOST_AUTO_TEST_CASE(unsigned_replies_are_worthless_where_a_key_is_configured) {
  net::Loop loop;
  const SystemClock clock;
  SeededRandom random(1);
  ScriptedServer server(loop, 0s);
  NtpOptions wanted = options({server.address()});
  wanted.servers[0].key_id = 7;
  wanted.servers[0].key.assign(16, 1);
  const NtpSource source(loop, clock, random, wanted, [](const RefMap&) {});
  BOOST_TEST(run_until(loop, [&] { return counters(source).at("ntp_forged") >= 4; }));
  BOOST_TEST((source.current().status == ClockStatus::unknown));
  BOOST_TEST(source.current().why.find("does not sign its replies with key 7") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(duplicates_and_strangers_are_counted_and_change_nothing) {
  net::Loop loop;
  const SystemClock clock;
  SeededRandom random(1);
  ScriptedServer server(loop, 0s);
  server.copies = 3;
  const NtpSource source(loop, clock, random, options({server.address()}), [](const RefMap&) {});
  BOOST_TEST(run_until(loop, [&] { return synchronised(source); }));
  const auto count = counters(source);
  BOOST_TEST(count.at("ntp_duplicate") >= count.at("ntp_replies"));
  const Judgement j = judge(source.current(), clock);
  BOOST_TEST((std::chrono::abs(j.error) <= j.bound));
}

BOOST_AUTO_TEST_CASE(a_server_that_denies_us_is_left_alone_and_named) {
  net::Loop loop;
  const SystemClock clock;
  SeededRandom random(1);
  ScriptedServer server(loop, 0s);
  server.kiss = 0x44454e59;
  const NtpSource source(loop, clock, random, options({server.address()}), [](const RefMap&) {});
  BOOST_TEST(run_until(loop, [&] { return source.pool().client(0).stopped(); }));
  const auto before = counters(source).at("ntp_requests");
  run_for(loop, 100ms);
  BOOST_TEST(counters(source).at("ntp_requests") == before);
  BOOST_TEST(source.current().why.find("refuses us (DENY)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_chronyd_that_dies_is_noticed_and_its_successor_believed,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  net::Loop loop;
  const SystemClock clock;
  SystemRandom random;
  auto chronyd = std::make_unique<Chronyd>();
  NtpOptions wanted = options({loopback(chronyd->port())});
  wanted.pool.free_running_after = 100ms;
  wanted.pool.unknown_after = 300ms;
  const NtpSource source(loop, clock, random, wanted, [](const RefMap&) {});
  BOOST_REQUIRE(run_until(loop, [&] { return synchronised(source); }));
  chronyd.reset();
  BOOST_TEST(run_until(loop, [&] { return source.current().status == ClockStatus::free_running; }));
  BOOST_TEST(run_until(loop, [&] { return source.current().status == ClockStatus::unknown; }));
  const Chronyd successor(wanted.servers[0].address.port);
  BOOST_TEST(run_until(loop, [&] { return synchronised(source); }));
}

BOOST_AUTO_TEST_CASE(servers_are_one_to_sixteen_and_keys_have_sixteen_octets_or_thirty_two) {
  net::Loop loop;
  const SystemClock clock;
  SeededRandom random(1);
  const auto make = [&](const NtpOptions& o) { NtpSource(loop, clock, random, o, [](const RefMap&) {}); };
  BOOST_CHECK_THROW(make({}), std::invalid_argument);
  NtpOptions many;
  many.servers.resize(kMostServers + 1);
  BOOST_CHECK_THROW(make(many), std::invalid_argument);
  NtpOptions key = options({loopback(9)});
  key.servers[0].key.assign(5, 1);
  BOOST_CHECK_THROW(make(key), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(providers_share_one_interface) {
  net::Loop loop;
  const SystemClock clock;
  SeededRandom random(1);
  ScriptedServer server(loop, 0s);
  const auto ntp = make_clock_source(loop, clock, random, options({server.address()}), [](const RefMap&) {});
  BOOST_TEST(ntp->provider() == "ntp");
  BOOST_TEST(run_until(loop, [&] { return ntp->current().status == ClockStatus::synchronised; }));
  const auto chrony =
      make_clock_source(loop, clock, random, ChronyOptions{"127.0.0.1:9", 20ms}, [](const RefMap&) {});
  BOOST_TEST(chrony->provider() == "chrony");
  unsigned names = 0;
  for (const auto* source : {ntp.get(), chrony.get()})
    source->for_each_counter([&](std::string_view, std::uint64_t) { ++names; });
  BOOST_TEST(names > 20U);
}

BOOST_AUTO_TEST_CASE(until_a_server_is_named_the_clock_is_unknown_and_the_line_says_why) {
  net::Loop loop;
  const SystemClock clock;
  SeededRandom random(1);
  ScriptedServer server(loop, 0s);
  LearnedSource source(loop, clock, random, options({}), [](const RefMap&) {});
  BOOST_TEST(source.provider() == "master");
  BOOST_TEST(source.current().why == "no master has named its time server yet");
  source.use({});
  BOOST_TEST(source.current().why.find("[clock.serve]") != std::string::npos);
  source.use({{server.address()}});
  BOOST_TEST(run_until(loop, [&] { return source.current().status == ClockStatus::synchronised; }));
  source.use({});
  BOOST_TEST((source.current().status == ClockStatus::unknown));
}

BOOST_AUTO_TEST_CASE(new_servers_are_asked_beside_the_old_ones_until_they_know_the_time) {
  net::Loop loop;
  const SystemClock clock;
  SeededRandom random(1);
  ScriptedServer first(loop, 0s);
  ScriptedServer second(loop, 1s);
  unsigned unknown = 0;
  LearnedSource source(loop, clock, random, options({}), [&](const RefMap& map) {
    if (map.status == ClockStatus::unknown) ++unknown;
  });
  source.use({{first.address()}});
  BOOST_REQUIRE(run_until(loop, [&] { return source.current().status == ClockStatus::synchronised; }));
  unknown = 0;
  const Nanos before = source.current().offset;
  source.use({{second.address()}});
  BOOST_TEST((source.current().status == ClockStatus::synchronised));  // the first, still
  BOOST_TEST(run_until(loop, [&] { return source.current().offset - before > 900ms; }));
  BOOST_TEST(unknown == 0U);
  const Nanos since = source.current().offset;
  source.use({{second.address()}});  // the same again: nothing begins anew
  BOOST_TEST((source.current().offset == since));
}

BOOST_AUTO_TEST_SUITE_END()
