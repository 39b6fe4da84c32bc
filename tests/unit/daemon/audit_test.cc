// Operators' commands as lines: what they say, and what happens when they cannot be written.
#include "common/daemon/audit.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using daemon::AuditEntry;
using daemon::AuditLog;

namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "ff-audit-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  Folder(Folder&&) = delete;
  Folder& operator=(Folder&&) = delete;
  [[nodiscard]] std::string file() const { return (path / "audit.jsonl").string(); }
  [[nodiscard]] std::vector<nlohmann::json> lines() const {
    std::vector<nlohmann::json> out;
    std::ifstream in(file());
    for (std::string line; std::getline(in, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  }
};

const AuditEntry kReload{
    RealTime(1'763'718'030s + 1500us), "POST /reload", "the admin socket", 0, 711, true, "done"};

}  // namespace

BOOST_AUTO_TEST_SUITE(audit)

BOOST_AUTO_TEST_CASE(a_command_is_a_line_of_json_with_who_when_what_and_how_it_ended) {
  BOOST_TEST(daemon::audit_json(kReload, "root") ==
             R"({"time":"2025-11-21T09:40:30.001500Z","command":"POST /reload","peer":"the admin socket",)"
             R"("uid":0,"user":"root","pid":711,"done":true,"result":"done"})");
  BOOST_TEST(daemon::audit_text(kReload, "root") ==
             "POST /reload by root (uid 0, pid 711) over the admin socket: done");
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_null) {
  AuditEntry hang_up{RealTime(), "SIGHUP", "a signal", {}, {}, false, "zone file: gone"};
  BOOST_TEST(daemon::audit_json(hang_up, "") ==
             R"({"time":"1970-01-01T00:00:00.000000Z","command":"SIGHUP","peer":"a signal","uid":null,)"
             R"("user":null,"pid":null,"done":false,"result":"zone file: gone"})");
  BOOST_TEST(daemon::audit_text(hang_up, "") == "SIGHUP over a signal: zone file: gone");
}

BOOST_AUTO_TEST_CASE(hostile_text_stays_one_line_of_good_json) {
  AuditEntry entry = kReload;
  entry.command = "POST /\n\"}\x01\xff\xfe{";
  const std::string line = daemon::audit_json(entry, "a\nb");
  BOOST_TEST(line.find('\n') == std::string::npos);
  const auto parsed = nlohmann::json::parse(line);
  BOOST_TEST(parsed["user"] == "a\nb");
  BOOST_TEST(daemon::audit_text(entry, "a\nb") ==
             "POST /?\"}?\xff\xfe{ by a?b (uid 0, pid 711) over the admin socket: done");
  BOOST_TEST(parsed["command"].get<std::string>().starts_with("POST /\n\"}\x01"));
}

BOOST_AUTO_TEST_CASE(entries_are_appended_also_to_what_was_there_and_the_file_is_not_for_all) {
  const Folder folder;
  for (int i = 0; i < 2; ++i) {
    AuditLog log(folder.file());
    log.write(kReload);
    BOOST_TEST(log.counters().commands.get() == 1U);
    BOOST_TEST(log.counters().lost.get() == 0U);
  }
  BOOST_REQUIRE(folder.lines().size() == 2U);
  BOOST_TEST(folder.lines()[1]["command"] == "POST /reload");
  struct stat info {};
  BOOST_REQUIRE(stat(folder.file().c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 07U) == 0U);
}

BOOST_AUTO_TEST_CASE(a_file_that_was_moved_away_is_made_anew) {
  const Folder folder;
  AuditLog log(folder.file());
  log.write(kReload);
  std::filesystem::rename(folder.file(), folder.file() + ".1");
  log.write(kReload);
  BOOST_TEST(folder.lines().size() == 1U);
  BOOST_TEST(log.counters().lost.get() == 0U);
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_counted_and_commands_go_on) {
  AuditLog log("/dev/full");
  log.write(kReload);
  log.write(kReload);
  BOOST_TEST(log.counters().commands.get() == 2U);
  BOOST_TEST(log.counters().lost.get() == 2U);
}

BOOST_AUTO_TEST_CASE(a_folder_that_comes_later_is_good_enough) {
  const Folder folder;
  AuditLog log((folder.path / "later" / "audit.jsonl").string());
  log.write(kReload);
  BOOST_TEST(log.counters().lost.get() == 1U);
  std::filesystem::create_directory(folder.path / "later");
  log.write(kReload);
  BOOST_TEST(log.counters().lost.get() == 1U);
  BOOST_TEST(std::filesystem::exists(folder.path / "later" / "audit.jsonl"));
}

BOOST_AUTO_TEST_CASE(a_pipe_that_nobody_reads_does_not_hold_us) {
  const Folder folder;
  BOOST_REQUIRE(mkfifo(folder.file().c_str(), 0600) == 0);
  AuditLog log(folder.file());
  log.write(kReload);
  BOOST_TEST(log.counters().lost.get() == 1U);
}

BOOST_AUTO_TEST_CASE(without_a_file_commands_are_only_in_the_log) {
  AuditLog log("");
  log.write(kReload);
  BOOST_TEST(log.counters().commands.get() == 1U);
  BOOST_TEST(log.counters().lost.get() == 0U);
}

BOOST_AUTO_TEST_CASE(a_user_has_a_name_where_the_host_knows_it) {
  BOOST_TEST(daemon::user_name(0) == "root");
  BOOST_TEST(daemon::user_name(3'999'999'999U).empty());
}

BOOST_AUTO_TEST_SUITE_END()
