// Texts of /proc and of cgroups, real ones, broken ones, and what is made of them.
#include "collect/load.hh"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "collect/load_reader.hh"
#include "common/base/random.hh"

using namespace flagfall;           // NOLINT(google-build-using-namespace): a test
using namespace flagfall::collect;  // NOLINT(google-build-using-namespace): a test
using std::chrono::seconds;

namespace {

const std::string kStat =
    "cpu  97697 7527 9212 66826 676 0 90 121 0 0\n"
    "cpu0 48280 3826 4425 34365 86 0 26 60 0 0\n"
    "cpu1 49416 3701 4787 32460 589 0 63 61 0 0\n"
    "intr 5 0\nctxt 12\n";
const std::string kMeminfo =
    "MemTotal:       24684096 kB\nMemFree:        22410880 kB\nMemAvailable:   23616124 kB\n"
    "SwapCached:            0 kB\nSwapTotal:      1048576 kB\nSwapFree:        1048000 kB\n";
const std::string kSnmp =
    "Ip: Forwarding DefaultTTL\nIp: 1 64\n"
    "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab "
    "InSegs\n"
    "Tcp: 1 200 120000 -1 17 4 2 1 42 1000\n";

MachineFigures machine(std::uint64_t idle, std::uint64_t all) {
  return {CpuTicks{idle, all}, 4, 8'000'000'000, 1'000'000, 5};
}

/// Shares are rounded down.
bool near(const std::optional<std::uint32_t>& share, std::uint32_t expected) {
  return share && *share + 2 >= expected && *share <= expected + 2;
}

/// A folder that goes with the test.
struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "collect-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  Folder(Folder&&) = delete;
  Folder& operator=(Folder&&) = delete;
  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((std::filesystem::path(path) / file).parent_path());
    std::ofstream(path + "/" + file) << text;
  }
  void proc(std::uint64_t user, std::uint64_t idle) const {
    write("proc/stat",
          "cpu  " + std::to_string(user) + " 0 0 " + std::to_string(idle) + " 0 0 0 0 0 0\ncpu0 0\ncpu1 0\n");
    write("proc/meminfo", kMeminfo);
    write("proc/net/snmp", kSnmp);
  }
  std::string path;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(load)

BOOST_AUTO_TEST_CASE(real_texts_give_their_figures) {
  BOOST_TEST(parse_cpu(kStat)->idle == 66826U + 676);
  BOOST_TEST(parse_cpu(kStat)->all == 97697U + 7527 + 9212 + 66826 + 676 + 90 + 121);
  BOOST_TEST(count_cpus(kStat) == 2U);
  BOOST_TEST(parse_meminfo(kMeminfo, "MemAvailable").value() == 23616124ULL * 1024);
  BOOST_TEST(parse_meminfo(kMeminfo, "SwapFree").value() == 1048000ULL * 1024);
  BOOST_TEST(parse_established(kSnmp).value() == 42U);
  BOOST_TEST(parse_amount("1234\n").value() == 1234U);
  BOOST_TEST(parse_amount("max\n").value() == kNoLimit);
  BOOST_TEST(parse_amount("9223372036854771712\n").value() == kNoLimit);
  BOOST_TEST(parse_amount("-1\n").value() == kNoLimit);
  BOOST_TEST(parse_keyed("usage_usec 5\nuser_usec 3\nsystem_usec 2\n", "user_usec").value() == 3U);
  BOOST_TEST(parse_cpu_max("50000 100000\n").value() == 0.5);
  BOOST_TEST(!parse_cpu_max("max 100000\n"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_not_known) {
  for (const auto* text : {"", "cpu", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8\n", "cpu 1 2 x 4 5 6 7 8\n",
                           "cpu 1 2 3 99999999999999999999 5 6 7 8\n"})
    BOOST_TEST(!parse_cpu(text), text);
  for (const auto* text :
       {"", "MemAvailable:", "MemAvailable: x kB", "MemAvailable: 5 MB", "MemAvailable 5 kB"})
    BOOST_TEST(!parse_meminfo(text, "MemAvailable"), text);
  for (const auto* text :
       {"", "Tcp: CurrEstab\n", "Tcp: A B\nTcp: 1 2\n", "Tcp: CurrEstab\nTcp: x\n", "Tcp: \n"})
    BOOST_TEST(!parse_established(text), text);
  for (const auto* text : {"", "x", "5x", "-5"}) BOOST_TEST(!parse_amount(text), text);
  BOOST_TEST(!parse_keyed("usage_usec", "usage_usec"));
  BOOST_TEST(!parse_cpu_max("0 0"));
}

BOOST_AUTO_TEST_CASE(any_text_gives_a_verdict) {
  SeededRandom random(5);
  for (int i = 0; i < 20000; ++i) {
    std::string text = i % 3 == 0 ? kStat : i % 3 == 1 ? kSnmp : kMeminfo;
    for (int k = 0; k < 4; ++k) text[random.next() % text.size()] = static_cast<char>(random.next());
    text.resize(random.next() % (text.size() + 1));
    (void)parse_cpu(text);
    (void)count_cpus(text);
    (void)parse_meminfo(text, "MemAvailable");
    (void)parse_established(text);
    (void)parse_amount(text);
    (void)parse_keyed(text, "Tcp:");
    (void)parse_cpu_max(text);
  }
}

BOOST_AUTO_TEST_CASE(idle_cpu_is_between_two_looks) {
  LoadMeter meter;
  BOOST_TEST(!meter.machine(machine(100, 1000)).idle_cpu);
  const auto load = meter.machine(machine(175, 1100));
  BOOST_TEST(load.idle_cpu.value() == 750'000U);
  BOOST_TEST(load.name == "machine");
  BOOST_TEST(load.connections.value() == 5U);
  BOOST_TEST(load.free_memory.value() == 8'000'000'000U);
  BOOST_TEST(!meter.machine(machine(175, 1100)).idle_cpu);  // no time has passed
  BOOST_TEST(!meter.machine(machine(100, 1200)).idle_cpu);  // the kernel says that iowait may go back
}

BOOST_AUTO_TEST_CASE(a_cgroup_has_what_its_limits_leave_and_no_more_than_the_machine) {
  LoadMeter meter;
  CgroupFigures figures;
  figures.memory_limit = 1000;
  figures.memory_used = 700;
  figures.reclaimable = 200;
  figures.swap_limit = 50;
  figures.swap_used = 60;
  figures.cpu_used = seconds(10);
  figures.cpu_limit = 0.5;
  (void)meter.machine(machine(0, 1000));
  auto load = meter.cgroup("web", figures, MonoTime(seconds(100)));
  BOOST_TEST(load.free_memory.value() == 500U);
  BOOST_TEST(load.free_swap.value() == 0U);
  BOOST_TEST(!load.idle_cpu);
  // 0.1 CPU of its 0.5 used, the machine idle by half of its four.
  (void)meter.machine(machine(400, 1800));
  figures.cpu_used = seconds(10) + std::chrono::milliseconds(200);
  load = meter.cgroup("web", figures, MonoTime(seconds(102)));
  BOOST_TEST(near(load.idle_cpu, 800'000));
  // The machine has next to nothing left: nor has the cgroup.
  (void)meter.machine(machine(405, 2600));
  load = meter.cgroup("web", figures, MonoTime(seconds(104)));
  BOOST_TEST(near(load.idle_cpu, 50'000));
  // Without limits it is as rich as the machine.
  figures.memory_limit = figures.swap_limit = kNoLimit;
  figures.cpu_limit.reset();
  (void)meter.machine(machine(805, 3400));
  load = meter.cgroup("web", figures, MonoTime(seconds(106)));
  BOOST_TEST(load.free_memory.value() == 8'000'000'000U);
  BOOST_TEST(load.free_swap.value() == 1'000'000U);
  BOOST_TEST(load.idle_cpu.value() == 500'000U);
}

BOOST_AUTO_TEST_CASE(a_cgroup_that_begins_anew_is_not_known_for_a_look) {
  LoadMeter meter;
  CgroupFigures figures;
  figures.cpu_used = seconds(10);
  (void)meter.machine(machine(0, 1000));
  (void)meter.cgroup("web", figures, MonoTime(seconds(100)));
  figures.cpu_used = seconds(1);
  (void)meter.machine(machine(400, 1800));
  BOOST_TEST(!meter.cgroup("web", figures, MonoTime(seconds(102))).idle_cpu);
  figures.cpu_used.reset();  // and is gone
  BOOST_TEST(!meter.cgroup("web", figures, MonoTime(seconds(104))).idle_cpu);
}

BOOST_AUTO_TEST_CASE(a_cgroup_of_version_2_is_read_from_its_folder) {
  const Folder folder;
  folder.proc(100, 100);
  folder.write("v2/web/cgroup.controllers", "cpu memory\n");
  folder.write("v2/web/memory.max", "1000000\n");
  folder.write("v2/web/memory.current", "400000\n");
  folder.write("v2/web/memory.stat", "anon 300000\ninactive_file 100000\n");
  folder.write("v2/web/memory.swap.max", "max\n");
  folder.write("v2/web/memory.swap.current", "0\n");
  folder.write("v2/web/cpu.stat", "usage_usec 1000000\n");
  folder.write("v2/web/cpu.max", "100000 100000\n");
  const auto found = find_cgroup(folder.path + "/v2/web/");
  BOOST_REQUIRE_MESSAGE(found.ok(), (found ? "" : found.error()));
  LoadReader reader({*found}, folder.path + "/proc");
  (void)reader.look(std::nullopt, MonoTime(seconds(1)));
  folder.proc(200, 300);  // 2 CPUs, two thirds idle
  folder.write("v2/web/cpu.stat", "usage_usec 1500000\n");
  const auto loads = reader.look(std::nullopt, MonoTime(seconds(2)));
  BOOST_REQUIRE(loads.size() == 2U);
  BOOST_TEST(loads[0].connections.value() == 42U);
  BOOST_TEST(loads[1].name == "web");
  BOOST_TEST(loads[1].free_memory.value() == 700'000U);
  BOOST_TEST(loads[1].free_swap.value() == 1048000ULL * 1024);
  BOOST_TEST(loads[1].idle_cpu.value() == 500'000U);
  BOOST_TEST(reader.look(7, MonoTime(seconds(3))).at(0).connections.value() == 7U);
}

BOOST_AUTO_TEST_CASE(a_cgroup_of_version_1_is_read_from_its_controllers_trees) {
  const Folder folder;
  folder.proc(100, 100);
  folder.write("memory/web/memory.limit_in_bytes", "1000000\n");
  folder.write("memory/web/memory.usage_in_bytes", "400000\n");
  folder.write("memory/web/memory.stat", "inactive_file 1\ntotal_inactive_file 100000\n");
  folder.write("memory/web/memory.memsw.limit_in_bytes", "1500000\n");
  folder.write("memory/web/memory.memsw.usage_in_bytes", "600000\n");
  folder.write("cpuacct/web/cpuacct.usage", "1000000000\n");
  folder.write("cpu/web/cpu.cfs_quota_us", "50000\n");
  folder.write("cpu/web/cpu.cfs_period_us", "100000\n");
  for (const auto* controller : {"memory", "cpu", "cpuacct"}) {
    const auto found = find_cgroup(folder.path + "/" + controller + "/web");
    BOOST_REQUIRE_MESSAGE(found.ok(), (found ? "" : found.error()));
    BOOST_TEST(!found->v2);
    folder.proc(100, 100);
    folder.write("cpuacct/web/cpuacct.usage", "1000000000\n");
    LoadReader reader({*found}, folder.path + "/proc");
    (void)reader.look(std::nullopt, MonoTime(seconds(1)));
    folder.proc(200, 300);
    folder.write("cpuacct/web/cpuacct.usage", "1100000000\n");
    const auto load = reader.look(std::nullopt, MonoTime(seconds(2))).at(1);
    BOOST_TEST(load.free_memory.value() == 700'000U);
    BOOST_TEST(load.free_swap.value() == 300'000U);
    BOOST_TEST(near(load.idle_cpu, 800'000));
  }
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_no_cgroups_is_an_error_that_says_so) {
  const Folder folder;
  BOOST_TEST(find_cgroup(folder.path).error().find("is no cgroup's folder") != std::string::npos);
  BOOST_TEST(!find_cgroup("/nowhere/memory/x").ok());
  BOOST_TEST(!find_cgroup("").ok());
}

BOOST_AUTO_TEST_CASE(this_machine_can_be_read) {
  LoadReader reader({});
  const auto load = reader.look(std::nullopt, MonoTime(seconds(1))).at(0);
  BOOST_TEST(load.free_memory.value() > 0U);
  BOOST_TEST(load.connections.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
