// What makes a SQLite file one that we write: made when it is new, checked when it is there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/store/sqlite.hh"

namespace flagfall::store {

struct FileFormat {
  std::int64_t application_id = 0;    // PRAGMA application_id, so that nobody else's is taken for ours
  std::int64_t version = 0;           // PRAGMA user_version
  std::string tables;                 // SQL that makes them
  std::vector<std::string> upgrades;  // and what makes them of version 1's, 2's, ... to the next one's
  std::string option;                 // where the file is named, for messages: "stats.database"
};

/// Whether the open file is ours and of our version; else why not.
Fault check_file(Database& db, const FileFormat& format);
/// Makes it ours when it is new, checks it when it is not, brings an older one up to date, and sets it up for
/// writing: WAL, no larger than `most_bytes` and a quarter. A damaged one is Fault::Kind::corrupt; `check`
/// reads all of it for that, which takes seconds for hundreds of megabytes.
Fault set_up(Database& db, const FileFormat& format, std::int64_t most_bytes, bool check);

}  // namespace flagfall::store
