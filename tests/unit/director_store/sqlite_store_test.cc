#include "director/store/sqlite_store.hh"

#include <sched.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill(2)
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>

#include "common/store/sqlite.hh"
#include "director/store/binding_file.hh"
#include "tests/unit/director_store/folder.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;
using flagfall::store::Database;

namespace {

SqliteOptions options_for(const std::string& file) {
  SqliteOptions out;
  out.path = file;
  out.flush = std::chrono::milliseconds(5);
  out.pause = std::chrono::milliseconds(10);
  return out;
}

/// What is in a file, read by a new store.
Known content(const std::string& file) {
  SqliteStore store(options_for(file));
  Known known;
  BOOST_REQUIRE(eventually([&] {
    known.add(store.take(1000));
    return store.restored();
  }));
  return known;
}

struct Fixture {
  Folder folder;
  std::unique_ptr<SqliteStore> store;
  Known known;

  void open(const SqliteOptions& options) {
    store.reset();
    store = std::make_unique<SqliteStore>(options);
    BOOST_REQUIRE(eventually([&] {
      known.add(store->take(1000));
      return store->restored();
    }));
  }
  void open() { open(options_for(folder.file())); }
  [[nodiscard]] bool kept(std::uint64_t n) const {
    return eventually([&] { return store->health().kept == n; });
  }
  [[nodiscard]] bool in_trouble(std::string_view why) const {
    return eventually([&] { return store->health().why_not.find(why) != std::string::npos; });
  }
  [[nodiscard]] bool recovered() const {
    return eventually([&] { return store->health().why_not.empty() && store->health().opened; });
  }
};

/// A disk of its own: a tmpfs over the folder, in a mount namespace that ends with the test's process.
struct SmallDisk : Fixture {
  bool mounted = false;
  SmallDisk() {
    static const bool apart =
        unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    mounted = apart && mount("tmpfs", folder.path.c_str(), "tmpfs", 0, "size=768k") == 0;
    BOOST_TEST_REQUIRE(mounted, "a tmpfs can be mounted (as root)");
  }
  ~SmallDisk() {
    store.reset();
    if (mounted) umount2(folder.path.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  SmallDisk(SmallDisk&&) = delete;
  SmallDisk& operator=(SmallDisk&&) = delete;
};

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Puts 20 bindings a millisecond until it is killed, and says each time: nanoseconds since it began, and how
/// many it has put.
using Said = std::array<std::int64_t, 2>;
[[noreturn]] void write_until_killed(const std::string& file, int to) {
  SqliteOptions options;  // as in production
  options.path = file;
  SqliteStore writer(options);
  while (!writer.restored()) usleep(1000);
  const MonoTime begin = SystemClock().mono();
  for (std::uint32_t n = 0;;) {
    StoredChanges some;
    for (int i = 0; i < 20; ++i) some.bindings.push_back(nth(n++));
    writer.put(std::move(some));
    const Said said{(SystemClock().mono() - begin).count(), n};
    if (::write(to, said.data(), sizeof said) < 0) _exit(1);
    usleep(1000);
  }
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_store, Fixture)

BOOST_AUTO_TEST_CASE(a_restart_brings_everything_back_as_it_was) {
  open();
  StoredChange v6 = by_hand("2001:db8::/32", "nyc", 7);
  v6.binding.group = 2;
  v6.binding.kind = Kind::tcp_rate;
  v6.binding.since = from_ns<RealTime>(kStart - 123);
  store->put({{bound("192.0.2.0/24"), v6, bound("192.0.2.0/25", "nyc")}, {drained("fra", 3)}});
  open();
  BOOST_TEST(known.bindings.size() == 3U);
  BOOST_TEST((known.bindings["web 192.0.2.0/24"] == bound("192.0.2.0/24").binding));
  BOOST_TEST((known.bindings["web 2001:db8::/32 by hand"] == v6.binding));
  BOOST_TEST((known.drains["fra"] == drained("fra", 3)));
  BOOST_TEST(store->take(10).empty());  // once
  BOOST_TEST(!store->needs_all());
}

BOOST_AUTO_TEST_CASE(what_is_gone_stays_gone_and_an_operators_word_ends_alone) {
  open();
  store->put(
      {{bound("192.0.2.0/24"), by_hand("192.0.2.0/24", "nyc"), bound("198.51.100.0/24")}, {drained("fra")}});
  BOOST_REQUIRE(kept(4));
  StoredDrain back = drained("fra", 1);
  back.gone = true;
  store->put({{gone(by_hand("192.0.2.0/24", "nyc")), gone(bound("198.51.100.0/24"))}, {back}});
  open();
  BOOST_TEST(known.bindings.size() == 1U);
  BOOST_TEST(known.server_of("192.0.2.0/24") == "fra");
  BOOST_TEST(known.drains.empty());
}

BOOST_AUTO_TEST_CASE(what_is_put_while_it_is_restored_wins) {
  open();
  StoredChanges many;
  for (std::uint32_t n = 0; n < 1000; ++n) many.bindings.push_back(nth(n));
  store->put(std::move(many));
  BOOST_REQUIRE(kept(1000));
  store.reset();
  store = std::make_unique<SqliteStore>(options_for(folder.file()));
  BOOST_REQUIRE(eventually([&] {
    known.add(store->take(10));
    return !known.bindings.empty();
  }));
  BOOST_TEST(!store->restored());
  store->put({{nth(999, "nyc"), gone(nth(998))}, {}});
  known.add({{nth(999, "nyc"), gone(nth(998))}, {}});
  BOOST_REQUIRE(eventually([&] {
    known.add(store->take(10));
    return store->restored();
  }));
  BOOST_TEST(known.bindings.size() == 999U);
  BOOST_TEST(known.server_of("1.3.231.0/24") == "nyc");
  BOOST_REQUIRE(kept(2));
  store.reset();
  BOOST_TEST((content(folder.file()).bindings == known.bindings));
}

BOOST_AUTO_TEST_CASE(a_kill_while_it_writes_loses_nothing_that_is_older_than_a_second) {
  std::array<int, 2> ends{};
  BOOST_REQUIRE(pipe(ends.data()) == 0);
  const pid_t child = fork();
  if (child == 0) write_until_killed(folder.file(), ends[1]);
  close(ends[1]);
  std::vector<Said> said;
  Said one{};
  while ((said.empty() || said.back()[0] < 2 * kSecond) &&
         ::read(ends[0], one.data(), sizeof one) == sizeof one)
    said.push_back(one);
  BOOST_REQUIRE(kill(child, SIGKILL) == 0);
  while (::read(ends[0], one.data(), sizeof one) == sizeof one) said.push_back(one);
  waitpid(child, nullptr, 0);
  close(ends[0]);
  std::int64_t must = 0;
  for (const auto& [at, n] : said)
    if (at <= said.back()[0] - kSecond) must = n;
  BOOST_REQUIRE(must > 100);
  const Known found = content(folder.file());
  for (std::uint32_t n = 0; n < must; ++n) BOOST_REQUIRE(found.bindings.contains(Known::key(nth(n).binding)));
}

BOOST_AUTO_TEST_CASE(rows_that_make_no_sense_are_counted_and_left_out) {
  open();
  store->put({{bound("192.0.2.0/24")}, {drained("fra")}});
  BOOST_REQUIRE(kept(2));
  store.reset();
  const std::vector<std::string> rows{
      "'web', 'no prefix', 0, 'fra', 1, 'bound', 'race', 1, 1, 0.5, 1, 1",
      "'web', '192.0.2.1/24', 0, 'fra', 1, 'bound', 'race', 1, 1, 0.5, 1, 1",
      "'', '10.0.0.0/16', 0, 'fra', 1, 'bound', 'race', 1, 1, 0.5, 1, 1",
      "'web', '10.1.0.0/16', 0, '', 1, 'bound', 'race', 1, 1, 0.5, 1, 1",
      "'web', '10.2.0.0/16', 0, 'fra', 2, 'bound', 'race', 1, 1, 0.5, 1, 1",
      "'web', '10.3.0.0/16', 0, 'fra', 4294967297, 'bound', 'race', 1, 1, 0.5, 1, 1",
      "'web', '10.4.0.0/16', 0, 'fra', 1, 'magic', 'race', 1, 1, 0.5, 1, 1",
      "'web', '10.5.0.0/16', 0, 'fra', 1, 'bound', 'race', -1, 1, 0.5, 1, 1",
      "'web', '10.6.0.0/16', 0, 'fra', 1, 'bound', 'race', 65536, 1, 0.5, 1, 1",
      "'web', '10.7.0.0/16', 0, 'fra', 1, 'bound', 'race', 1, 1, 9e999, 1, 1",
      "'web', '10.8.0.0/16', 1, 'fra', 1, 'bound', 'race', 1, 1, 0.5, 1, 1",
      "'web', '10.9.0.0/16', 0, 'fra', 1, 'bound', 'race', 1, 1, 0.5, 1, -1",
      "'web', '10.10.0.0/16', 0, x'00ff', 1, 'bound', 'race', 1, 1, 0.5, 1, 9223372036854775807"};
  {
    Database db(folder.file(), Database::Mode::write, 100);
    for (const std::string& row : rows)
      BOOST_REQUIRE_MESSAGE(db.run("INSERT INTO bindings VALUES (" + row + ")"), row);
    BOOST_REQUIRE(db.run("INSERT INTO drains VALUES ('', 'me', 1)"));
  }
  open();
  BOOST_TEST(known.bindings.size() == 1U);
  BOOST_TEST(known.drains.size() == 1U);
  BOOST_TEST(store->health().wrong == rows.size() + 1);
}

BOOST_AUTO_TEST_CASE(what_we_may_not_write_is_refused_and_counted) {
  open();
  store->put({{bound("192.0.2.0/24", "a,b"), bound("192.0.2.0/24")}, {drained("\n")}});
  BOOST_TEST(kept(1));
  BOOST_TEST(store->health().wrong == 2U);
  BOOST_TEST(store->health().not_kept == 2U);
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_moved_aside_and_a_new_one_begins) {
  open();
  for (std::uint32_t n = 0; n < 400; ++n) store->put({{nth(n)}, {}});
  BOOST_REQUIRE(kept(400));
  store.reset();
  std::string bytes = bytes_of(folder.file());
  for (std::size_t i = 4096; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  std::ofstream(folder.file(), std::ios::binary) << bytes;
  open();
  BOOST_TEST(known.bindings.empty());
  BOOST_TEST(store->health().moved_aside == 1U);
  BOOST_TEST((bytes_of(folder.file() + ".damaged") == bytes));
  store->put({{nth(1)}, {}});
  BOOST_TEST(kept(1));
  store.reset();
  BOOST_TEST(content(folder.file()).bindings.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_removed_is_noticed_and_everything_asked_for_again) {
  open();
  store->put({{nth(1)}, {}});
  BOOST_REQUIRE(kept(1));
  BOOST_TEST(!store->needs_all());
  for (const char* part : {"", "-wal", "-shm"}) fs::remove(folder.file() + part);
  BOOST_TEST(eventually([&] { return store->needs_all(); }));
  BOOST_TEST(!store->needs_all());
  store->put({{nth(1), nth(2)}, {}});
  BOOST_TEST(kept(3));
  store.reset();
  BOOST_TEST(content(folder.file()).bindings.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_file_of_somebody_else_stays_untouched_and_nobody_waits_for_it) {
  std::ofstream(folder.file()) << std::string(3000, 'z');
  open();  // restored(): there is nothing to wait for
  BOOST_TEST(in_trouble("no database of flagfall's"));
  store.reset();
  BOOST_TEST((bytes_of(folder.file()) == std::string(3000, 'z')));
}

BOOST_AUTO_TEST_CASE(the_statistics_file_is_not_taken_for_the_directors) {
  {
    Database db(folder.file(), Database::Mode::write, 100);
    BOOST_REQUIRE(db.run("CREATE TABLE t (x); PRAGMA application_id = 0x66667374; PRAGMA user_version = 1"));
  }
  open();
  BOOST_TEST(in_trouble("name another file as director.store.database"));
}

BOOST_AUTO_TEST_CASE(a_folder_that_comes_later_is_waited_for_with_bounded_memory) {
  SqliteOptions options = options_for((folder.path / "later" / "d.db").string());
  options.most_waiting = 5000;
  open(options);
  BOOST_TEST(store->ready());
  for (std::uint32_t n = 0; n < 6000; ++n) store->put({{nth(n)}, {}});
  BOOST_TEST(!store->ready());
  BOOST_TEST(store->health().not_kept == 1000U);
  BOOST_TEST(in_trouble("No such file or directory"));
  BOOST_TEST(!store->needs_all());  // not before there is a place for it
  fs::create_directory(folder.path / "later");
  BOOST_TEST(kept(5000));
  BOOST_TEST(recovered());
  BOOST_TEST(eventually([&] { return store->needs_all(); }));
  store.reset();
  BOOST_TEST(content(options.path).bindings.size() == 5000U);
}

BOOST_FIXTURE_TEST_CASE(on_a_full_disk_the_newest_state_waits_until_there_is_room, SmallDisk) {
  open();
  store->put({{nth(1)}, {}});
  BOOST_REQUIRE(kept(1));
  const fs::path ballast = folder.path / "ballast";
  std::ofstream(ballast) << std::string(4 << 20, 'x');  // until no more fits
  for (const char* server : {"fra", "nyc"}) {
    StoredChanges many;
    for (std::uint32_t n = 0; n < 2000; ++n) many.bindings.push_back(nth(n, server));
    store->put(std::move(many));
    BOOST_TEST(in_trouble("no space left"));
  }
  BOOST_TEST(!store->health().opened);
  fs::remove(ballast);
  BOOST_TEST(eventually([&] { return store->health().kept >= 2001U; }));
  BOOST_TEST(recovered());
  BOOST_TEST(store->health().not_kept == 0U);
  store.reset();
  const Known all = content(folder.file());
  BOOST_TEST(all.bindings.size() == 2000U);
  BOOST_TEST(all.server_of("1.0.1.0/24") == "nyc");
}

BOOST_AUTO_TEST_CASE(a_lock_of_another_program_is_waited_for) {
  open();
  store->put({{nth(1)}, {}});
  BOOST_REQUIRE(kept(1));
  {
    Database other(folder.file(), Database::Mode::write, 100);
    BOOST_REQUIRE(other.run("BEGIN IMMEDIATE"));
    store->put({{nth(2)}, {}});
    BOOST_TEST(in_trouble("another program keeps it locked"));
  }
  BOOST_TEST(kept(2));
  BOOST_TEST(recovered());
}

BOOST_AUTO_TEST_SUITE_END()
