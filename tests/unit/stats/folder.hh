// A folder for a test's database, gone with the test; batches for it, and what
// it then holds.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "stats/report.hh"
#include "stats/tally.hh"
#include "tests/unit/stats/races.hh"

namespace flagfall::stats {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "flagfall-stats-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file() const { return (path / "statistics.db").string(); }
};

inline Names names() {
  return {{"web", "api"}, {"fra", "nyc", "sin"}};
}

/// `n` races of 192.0.2.0/24 in one second, won by fra with 4 ms.
inline Batch batch_of(int n, std::int64_t at = kNow) {
  SeededRandom random(1);
  Tally tally({}, random);
  for (int i = 0; i < n; ++i) tally.add(won(race_of("192.0.2.9", {{0}, {1}, {2}}, at), 0, 4.0), at);
  return tally.take();
}

inline nlohmann::json ask(const std::string& file, By by = By::server, std::int64_t since = 0,
                          std::int64_t until = kNow * 2) {
  Question question;
  question.by = by;
  question.since = since;
  question.until = until;
  auto answer = report(file, question);
  BOOST_REQUIRE_MESSAGE(answer, (answer ? "" : answer.error()));
  return *answer;
}

inline std::int64_t races_in(const std::string& file) {
  return ask(file)["totals"]["races"].get<std::int64_t>();
}

}  // namespace flagfall::stats
