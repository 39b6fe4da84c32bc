#include "stats/store.hh"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <functional>
#include <iterator>

#include "stats/schema.hh"
#include "tests/unit/stats/folder.hh"

using namespace flagfall;         // NOLINT(google-build-using-namespace): a test
using namespace flagfall::stats;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;

namespace {

/// Waits for what another thread does.
bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    usleep(5000);
  }
  return false;
}

struct Fixture {
  Folder folder;
  std::int64_t now = kNow;
  std::unique_ptr<Store> store;

  void open(const std::string& file) {
    store.reset();
    store = std::make_unique<Store>(StoreOptions{file, {}, names(), std::chrono::milliseconds(10)}, now);
  }
  void open() { open(folder.file()); }
  void put(int n) const {
    BOOST_REQUIRE(eventually([&] { return store->ready(); }));
    store->put(batch_of(n, now));
  }
  [[nodiscard]] bool kept(std::uint64_t n) const {
    return eventually([&] { return store->health().kept == n; });
  }
  [[nodiscard]] bool in_trouble(std::string_view why) const {
    return eventually([&] { return store->health().why_not.find(why) != std::string::npos; });
  }
  bool recovered() {
    now += 10;
    store->advance(now, 0);
    return eventually([&] { return store->health().why_not.empty(); });
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
  void remount(bool read_only) const {
    const unsigned long flags = MS_REMOUNT | (read_only ? static_cast<unsigned long>(MS_RDONLY) : 0UL);
    BOOST_REQUIRE(mount("tmpfs", folder.path.c_str(), "tmpfs", flags, "size=768k") == 0);
  }
};

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(store, Fixture)

BOOST_AUTO_TEST_CASE(what_is_put_can_be_read_beside_the_writer) {
  open();
  put(3);
  put(4);
  BOOST_TEST(kept(7));
  BOOST_TEST(races_in(folder.file()) == 7);
  const StoreHealth health = store->health();
  BOOST_TEST(health.opened);
  BOOST_TEST(health.why_not.empty());
  BOOST_TEST(health.transactions == 2U);
  BOOST_TEST(health.failures == 0U);
}

BOOST_AUTO_TEST_CASE(a_stop_writes_what_is_queued_and_a_start_goes_on) {
  open();
  for (int i = 0; i < 3; ++i) store->put(batch_of(10, now));
  open();
  put(1);
  BOOST_TEST(kept(1));
  store.reset();
  BOOST_TEST(!fs::exists(folder.file() + "-wal"));
  BOOST_TEST(races_in(folder.file()) == 31);
}

BOOST_AUTO_TEST_CASE(what_was_learned_of_arrivals_comes_back_once) {
  open();
  SeededRandom random(1);
  Tally tally({}, random);
  tally.add(race_of("192.0.2.9", {{0, race::Fate::sent, 4}, {2, race::Fate::sent, 9}}), kNow);
  store->put(tally.take());
  BOOST_REQUIRE(kept(1));
  BOOST_TEST(store->take_restored().empty());
  open();
  std::vector<ArrivalRow> rows;
  BOOST_REQUIRE(eventually([&] {
    rows = store->take_restored();
    return !rows.empty();
  }));
  BOOST_TEST(rows.size() == 2U);
  BOOST_TEST(to_string(rows[0].prefix) == "192.0.2.0/24");
  BOOST_TEST(rows[0].offset_ns - rows[1].offset_ns == (rows[0].slave == 0 ? -5'000'000 : 5'000'000));
  BOOST_TEST(store->take_restored().empty());
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_not_there_is_waited_for) {
  const std::string file = (folder.path / "later" / "s.db").string();
  open(file);
  put(2);
  BOOST_TEST(in_trouble("No such file or directory"));
  BOOST_TEST(!store->health().opened);
  fs::create_directory(folder.path / "later");
  BOOST_TEST(kept(2));
  BOOST_TEST(recovered());
  BOOST_TEST(races_in(file) == 2);
}

BOOST_AUTO_TEST_CASE(the_queue_is_bounded_while_nothing_can_be_written) {
  open((folder.path / "never" / "s.db").string());
  int fitted = 0;
  for (; fitted < 100 && store->ready(); ++fitted) store->put(batch_of(1));
  BOOST_TEST(fitted == 4);
  BOOST_TEST(store->health().not_kept == 0U);
  store->advance(now, 17);
  BOOST_TEST(store->health().not_kept == 17U);
}

BOOST_AUTO_TEST_CASE(a_folder_that_vanishes_is_noticed_and_comes_back_empty) {
  const fs::path inner = folder.path / "inner";
  fs::create_directory(inner);
  open((inner / "s.db").string());
  put(1);
  BOOST_REQUIRE(kept(1));
  fs::remove_all(inner);
  put(2);
  BOOST_TEST(in_trouble("No such file or directory"));
  fs::create_directory(inner);
  BOOST_TEST(kept(3));
  BOOST_TEST(recovered());
  BOOST_TEST(races_in((inner / "s.db").string()) == 2);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_replaced_is_noticed) {
  open();
  put(1);
  BOOST_REQUIRE(kept(1));
  for (const char* part : {"", "-wal", "-shm"}) fs::remove(folder.file() + part);
  put(2);
  BOOST_TEST(kept(3));
  BOOST_TEST(races_in(folder.file()) == 2);
}

BOOST_AUTO_TEST_CASE(a_lock_of_another_program_is_waited_for_and_nothing_is_lost) {
  open();
  put(1);
  BOOST_REQUIRE(kept(1));
  {
    Database other(folder.file(), Database::Mode::write, 100);
    BOOST_REQUIRE(other.run("BEGIN IMMEDIATE"));
    put(2);
    BOOST_TEST(in_trouble("another program keeps it locked"));
    put(3);
    BOOST_TEST(store->health().kept == 1U);
    BOOST_TEST(races_in(folder.file()) == 1);  // reading goes on
  }
  BOOST_TEST(kept(6));
  BOOST_TEST(recovered());
  BOOST_TEST(store->health().not_kept == 0U);
  BOOST_TEST(races_in(folder.file()) == 6);
}

BOOST_AUTO_TEST_CASE(a_damaged_database_is_moved_aside_and_a_new_one_begins) {
  open();
  for (int i = 0; i < 200; ++i, ++now) put(1);
  BOOST_REQUIRE(kept(200));
  store.reset();
  std::string bytes = bytes_of(folder.file());
  BOOST_REQUIRE(bytes.size() > std::size_t{4} * 4096);
  for (std::size_t i = 4096; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  write_bytes(folder.file(), bytes);
  open();
  put(5);
  BOOST_TEST(kept(5));
  BOOST_TEST(store->health().moved_aside == 1U);
  BOOST_TEST(races_in(folder.file()) == 5);
  BOOST_TEST((bytes_of(folder.file() + ".damaged") == bytes));
}

BOOST_AUTO_TEST_CASE(a_database_that_was_cut_off_is_moved_aside) {
  open();
  for (int i = 0; i < 200; ++i, ++now) put(1);
  BOOST_REQUIRE(kept(200));
  store.reset();
  fs::resize_file(folder.file(), 3 * 4096 + 100);
  open();
  put(5);
  BOOST_TEST(kept(5));
  BOOST_TEST(races_in(folder.file()) == 5);
  BOOST_TEST(fs::file_size(folder.file() + ".damaged") == 3U * 4096 + 100);
}

BOOST_AUTO_TEST_CASE(damage_while_it_is_open_is_survived_too) {
  open();
  for (int i = 0; i < 200; ++i, ++now) put(1);
  BOOST_REQUIRE(kept(200));
  store.reset();
  open();
  put(1);
  BOOST_REQUIRE(kept(1));
  const auto size = fs::file_size(folder.file());
  {
    std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(size - 4096, '\x5a');
  }
  // Pages in the cache are right still: in the end either all is written, or a new file begins.
  for (int i = 0; i < 50; ++i, now += 61) put(3);
  BOOST_TEST(eventually([&] { return store->health().kept == 151U; }));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_ours_stays_untouched) {
  const std::string zone(3000, 'z');
  for (const std::string& content :
       {zone, std::string("$ORIGIN example.test.\n"), zone + std::string(9000, '\0')}) {
    write_bytes(folder.file(), content);
    open();
    put(1);
    BOOST_TEST(in_trouble("no database of flagfall's"));
    store.reset();
    BOOST_TEST((bytes_of(folder.file()) == content));
    BOOST_TEST(!fs::exists(folder.file() + ".damaged"));
  }
  fs::remove(folder.file());
  {
    Database theirs(folder.file(), Database::Mode::write, 100);
    BOOST_REQUIRE(theirs.run("CREATE TABLE races (theirs TEXT); INSERT INTO races VALUES ('valuable')"));
  }
  const std::string before = bytes_of(folder.file());
  open();
  put(1);
  BOOST_TEST(in_trouble("no database of flagfall's"));
  store.reset();
  BOOST_TEST((bytes_of(folder.file()) == before));
}

BOOST_AUTO_TEST_CASE(an_older_schema_is_brought_up_to_date_with_all_that_is_in_it) {
  open();
  put(3);
  BOOST_REQUIRE(kept(3));
  store.reset();
  {
    Database db(folder.file(), Database::Mode::write, 100);
    BOOST_REQUIRE(
        db.run("ALTER TABLE races DROP COLUMN tcp_likely; ALTER TABLE races DROP COLUMN "
               "tcp_certain; PRAGMA user_version = 1"));
    BOOST_TEST(check_file(db).text.find("it has schema 1") != std::string::npos);
  }
  open();
  put(4);
  BOOST_REQUIRE(kept(4));
  BOOST_TEST(races_in(folder.file()) == 7);
  BOOST_TEST(!fs::exists(folder.file() + ".damaged"));
}

BOOST_AUTO_TEST_CASE(a_newer_schema_stays_untouched) {
  open();
  put(1);
  BOOST_REQUIRE(kept(1));
  store.reset();
  {
    Database db(folder.file(), Database::Mode::write, 100);
    BOOST_REQUIRE(db.run("PRAGMA user_version = 3"));
  }
  const std::string before = bytes_of(folder.file());
  open();
  put(1);
  BOOST_TEST(in_trouble("it has schema 3, and this flagfall knows 2"));
  store.reset();
  BOOST_TEST((bytes_of(folder.file()) == before));
  BOOST_TEST(!fs::exists(folder.file() + ".damaged"));
}

BOOST_FIXTURE_TEST_CASE(a_full_disk_costs_races_and_nothing_else, SmallDisk) {
  open();
  put(1);
  BOOST_REQUIRE(kept(1));
  const fs::path ballast = folder.path / "ballast";
  std::ofstream(ballast) << std::string(4 << 20, 'x');  // until no more fits
  for (; store->ready(); now += 61) store->put(batch_of(100, now));
  BOOST_TEST(in_trouble("no space left"));
  const StoreHealth health = store->health();
  BOOST_TEST(!store->ready());
  BOOST_TEST(!health.opened);
  fs::remove(ballast);
  BOOST_TEST(eventually([&] { return store->ready() && store->health().kept > health.kept; }));
  BOOST_TEST(recovered());
  put(7);
  BOOST_TEST(eventually([&] { return races_in(folder.file()) % 100 == 8; }));
}

BOOST_FIXTURE_TEST_CASE(a_full_disk_at_the_start_is_no_obstacle, SmallDisk) {
  const fs::path ballast = folder.path / "ballast";
  std::ofstream(ballast) << std::string(4 << 20, 'x');
  open();
  put(3);
  BOOST_TEST(in_trouble("no space left"));
  fs::remove(ballast);
  BOOST_TEST(kept(3));
  BOOST_TEST(recovered());
}

BOOST_FIXTURE_TEST_CASE(a_read_only_disk_is_said_and_survived, SmallDisk) {
  open();
  put(1);
  BOOST_REQUIRE(kept(1));
  store.reset();
  remount(true);
  open();
  put(2);
  BOOST_TEST(in_trouble("it cannot be written: Read-only file system"));
  BOOST_TEST(races_in(folder.file()) == 1);  // and what is there can be asked
  remount(false);
  BOOST_TEST(kept(2));
  BOOST_TEST(recovered());
  BOOST_TEST(races_in(folder.file()) == 3);
}

BOOST_FIXTURE_TEST_CASE(a_stop_on_a_bad_disk_counts_what_it_could_not_keep, SmallDisk) {
  remount(true);
  open();
  put(2);
  put(3);
  BOOST_TEST(in_trouble("Read-only file system"));
  store.reset();  // does not hang
  remount(false);
  BOOST_TEST(!fs::exists(folder.file()));
}

BOOST_AUTO_TEST_SUITE_END()
