// What statistics cost: adding a race on the control thread, writing the sums in
// the store's thread, and the file after a simulated day; beside the plain way, one
// INSERT a race and runner in a transaction a second. CPU time of this thread, so
// other load does not count. In a folder of its own under TMPDIR.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/base/random.hh"
#include "stats/batch_writer.hh"
#include "stats/report.hh"
#include "stats/roll_up.hh"
#include "stats/schema.hh"
#include "stats/tally.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a program
using race::Fate;

namespace {

constexpr std::int64_t kStart = 1'795'255'200;  // 2026-11-21T10:00:00Z
constexpr unsigned kSlaves = 3;
constexpr double kVerdicts = 0.7;  // share of races with one
constexpr double kMeasured = 0.1;  // and of those whose arrivals are measured
constexpr unsigned kOneIn = 1000;  // a race comes late, as the ledger gives it

struct Options {
  unsigned prefixes = 1000;
  unsigned rate = 10'000;
  unsigned seconds = 20;
  unsigned day_rate = 33;
  unsigned hours = 24;
  bool json = false;
};

double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "flagfall-bench-stats-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the databases in " + name);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  Folder(Folder&&) = delete;
  Folder& operator=(Folder&&) = delete;
  [[nodiscard]] std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// Races of clients that come by lot, a nearest slave each.
class Races {
 public:
  explicit Races(unsigned prefixes) : prefixes_(prefixes) {}

  const race::FinishedRace& next(std::int64_t at) {
    const auto n = static_cast<std::uint32_t>(random_.next() % prefixes_);
    race_.instant = from_ns<RefTime>((random_.next() % kOneIn == 0 ? at - 2 : at) * 1'000'000'000);
    race_.client.ip = ip_from_bytes(
        std::array<std::uint8_t, 4>{10, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n), 7});
    race_.count = kSlaves;
    const bool measured = random_.unit() < kMeasured;
    for (unsigned i = 0; i < kSlaves; ++i) {
      race::RunnerResult& r = race_.runners.at(i);
      r.slave = static_cast<std::uint16_t>(i);
      r.fate = Fate::sent;
      r.arrival.reset();
      if (measured) r.arrival = Nanos(20'000'000 + (n + i) % kSlaves * 5'000'000 + random_.next() % 300'000);
    }
    race_.verdict.reset();
    if (random_.unit() < kVerdicts) {
      race_.verdict = race::Verdict{};
      race_.verdict->winner = static_cast<std::uint16_t>((kSlaves - n % kSlaves) % kSlaves);
      if (measured) race_.verdict->margin = Nanos(5'000'000 + random_.next() % 300'000);
    }
    return race_;
  }

 private:
  unsigned prefixes_;
  SeededRandom random_{1};
  race::FinishedRace race_;
};

[[noreturn]] void fail(stats::Database& db) {
  throw std::runtime_error("the database: " + db.fault().text);
}

const stats::Names kNames{{"web"}, {"fra", "nyc", "sin"}};

struct Costs {
  double add_ns = 0;
  double write_ns = 0;
  double bytes = 0;  // a race
};

Costs ours(const Options& o, const std::string& file) {
  stats::Database db(file, stats::Database::Mode::write, 1000);
  const stats::KeepLimits keep;
  if (!db.ok() || stats::set_up(db, keep.most_bytes, false).kind != stats::Fault::Kind::none) fail(db);
  const auto writer = stats::BatchWriter::make(db, kNames);
  if (!writer) fail(db);
  SeededRandom random(2);
  stats::Tally tally({}, random);
  Races races(o.prefixes);
  std::vector<race::FinishedRace> second(o.rate);
  Costs out;
  for (unsigned s = 0; s < o.seconds; ++s) {
    for (auto& race : second) race = races.next(kStart + s);
    const double begin = cpu_ns();
    for (const auto& race : second) tally.add(race, kStart + s);
    const stats::Batch batch = tally.take();
    const double added = cpu_ns();
    if (!writer->write(batch)) fail(db);
    out.add_ns += added - begin;
    out.write_ns += cpu_ns() - added;
  }
  const double n = double(o.rate) * o.seconds;
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  return {out.add_ns / n, out.write_ns / n, static_cast<double>(std::filesystem::file_size(file)) / n};
}

/// The peer: everything as it comes, in a transaction a second.
Costs plain(const Options& o, const std::string& file) {
  stats::Database db(file, stats::Database::Mode::write, 1000);
  if (!db.ok() ||
      !db.run(
          "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
          "CREATE TABLE race (id INTEGER PRIMARY KEY, time INTEGER, client TEXT, service TEXT, winner TEXT, "
          "way "
          "INTEGER, margin INTEGER); CREATE TABLE runner (race INTEGER, slave TEXT, fate INTEGER, arrival "
          "INTEGER)"))
    fail(db);
  auto race_row = db.prepare("INSERT INTO race VALUES (?, ?, ?, ?, ?, ?, ?)");
  auto runner_row = db.prepare("INSERT INTO runner VALUES (?, ?, ?, ?)");
  if (!race_row || !runner_row) fail(db);
  Races races(o.prefixes);
  std::vector<race::FinishedRace> second(o.rate);
  std::int64_t id = 0;
  double total = 0;
  for (unsigned s = 0; s < o.seconds; ++s) {
    for (auto& race : second) race = races.next(kStart + s);
    const double begin = cpu_ns();
    stats::Transaction transaction(db);
    for (const auto& race : second) {
      race_row->bind(++id).bind(to_ns(race.instant)).bind(to_string(race.client.ip)).bind(kNames.services[0]);
      race_row->bind(race.verdict ? kNames.slaves[race.verdict->winner] : std::string());
      race_row->bind(race.verdict ? std::int64_t(race.verdict->way) : -1);
      race_row->bind(race.verdict && race.verdict->margin ? race.verdict->margin->count() : -1);
      if (!race_row->run()) fail(db);
      for (const race::RunnerResult& r : race.ran()) {
        runner_row->bind(id).bind(kNames.slaves[r.slave]).bind(std::int64_t(r.fate));
        if (!runner_row->bind(r.arrival ? r.arrival->count() : -1).run()) fail(db);
      }
    }
    if (!transaction.commit()) fail(db);
    total += cpu_ns() - begin;
  }
  const double n = double(o.rate) * o.seconds;
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  return {0, total / n, static_cast<double>(std::filesystem::file_size(file)) / n};
}

struct DayCosts {
  double races = 0;
  double cpu_s = 0;
  double roll_up_s = 0;
  double megabytes = 0;
  double ask_ms = 0;  // all, by prefix
};

DayCosts day(const Options& o, const std::string& file) {
  DayCosts out;
  const stats::KeepLimits keep;
  {
    stats::Database db(file, stats::Database::Mode::write, 1000);
    if (!db.ok() || stats::set_up(db, keep.most_bytes, false).kind != stats::Fault::Kind::none) fail(db);
    const auto writer = stats::BatchWriter::make(db, kNames);
    if (!writer) fail(db);
    stats::RollUp roll_up(db, keep);
    SeededRandom random(2);
    stats::Tally tally({}, random);
    Races races(o.prefixes);
    for (std::int64_t s = 0; s < o.hours * 3600LL; ++s) {
      const double begin = cpu_ns();
      for (unsigned i = 0; i < o.day_rate; ++i) tally.add(races.next(kStart + s), kStart + s);
      if (!writer->write(tally.take())) fail(db);
      const double written = cpu_ns();
      while (roll_up.step(kStart + s) == stats::RollUp::Step::worked) {
      }
      out.roll_up_s += (cpu_ns() - written) * 1e-9;
      out.cpu_s += (cpu_ns() - begin) * 1e-9;
    }
  }
  out.races = double(o.day_rate) * o.hours * 3600;
  out.megabytes = static_cast<double>(std::filesystem::file_size(file)) / (1 << 20);
  stats::Question question;
  question.by = stats::By::prefix;
  question.until = kStart * 2;
  const double begin = cpu_ns();
  const auto answer = stats::report(file, question);
  if (!answer) throw std::runtime_error(answer.error());
  out.ask_ms = (cpu_ns() - begin) * 1e-6;
  if ((*answer)["totals"]["races"].get<double>() != out.races)
    throw std::runtime_error("the day's races do not add up");
  return out;
}

int run(const Options& o) {
  const Folder folder;
  const Costs sums = ours(o, folder.file("sums.db"));
  const Costs rows = plain(o, folder.file("rows.db"));
  const double ratio = rows.write_ns / (sums.add_ns + sums.write_ns);
  fmt::print("{} races a second of {} prefixes, {} slaves, for {} s; CPU and disk a race\n", o.rate,
             o.prefixes, kSlaves, o.seconds);
  fmt::print("{:<28} {:>16} {:>16} {:>10}\n", "", "control thread", "store's thread", "disk");
  fmt::print("{:<28} {:>13.0f} ns {:>13.0f} ns {:>8.1f} B\n", "sums (flagfall)", sums.add_ns, sums.write_ns,
             sums.bytes);
  fmt::print("{:<28} {:>16} {:>13.0f} ns {:>8.1f} B\n", "a row a race and runner", "", rows.write_ns,
             rows.bytes);
  fmt::print("sums need 1/{:.1f} of the CPU; the control thread is busy {:.2f} % of the time\n", ratio,
             sums.add_ns * o.rate * 1e-7);
  nlohmann::json json = {{"rate", o.rate},
                         {"prefixes", o.prefixes},
                         {"add_ns", sums.add_ns},
                         {"write_ns", sums.write_ns},
                         {"bytes_a_race", sums.bytes},
                         {"plain_ns", rows.write_ns},
                         {"plain_bytes_a_race", rows.bytes},
                         {"ratio", ratio}};
  (void)std::fflush(stdout);
  if (o.day_rate > 0) {
    const DayCosts d = day(o, folder.file("day.db"));
    fmt::print(
        "{} hours of {} races a second: {:.0f} races, {:.1f} MiB, {:.0f} s of CPU ({:.3f} % of a core), "
        "{:.0f} "
        "s of "
        "it rolling up; asked for all of it by prefix: {:.0f} ms\n",
        o.hours, o.day_rate, d.races, d.megabytes, d.cpu_s, 100 * d.cpu_s / (o.hours * 3600.0), d.roll_up_s,
        d.ask_ms);
    json.update({{"day_races", d.races},
                 {"day_megabytes", d.megabytes},
                 {"day_cpu_s", d.cpu_s},
                 {"day_ask_ms", d.ask_ms}});
  }
  if (o.json) fmt::print("{}\n", json.dump());
  return 0;
}

int bench(int argc, char** argv) {
  Options o;
  CLI::App app("What statistics cost, beside a row a race");
  app.add_option("--prefixes", o.prefixes, "Client prefixes")
      ->check(CLI::Range(1, 65'535))
      ->capture_default_str();
  app.add_option("--rate", o.rate, "Races a second")->check(CLI::Range(1, 1'000'000))->capture_default_str();
  app.add_option("--seconds", o.seconds, "So long")->check(CLI::Range(1, 3600))->capture_default_str();
  app.add_option("--day-rate", o.day_rate, "Races a second of the simulated day; 0: no day")
      ->capture_default_str();
  app.add_option("--hours", o.hours, "The day's length")->check(CLI::Range(1, 10'000))->capture_default_str();
  app.add_flag("--json", o.json, "End with one line of JSON");
  CLI11_PARSE(app, argc, argv);
  return run(o);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return bench(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "scripts/bench stats: {}\n", error.what());
    return 1;
  }
}
