#include "common/store/file_format.hh"

#include <fmt/format.h>

namespace flagfall::store {
namespace {

bool create(Database& db, const FileFormat& format) {
  // Before the first page is written: later it would need a VACUUM.
  if (!db.run("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL")) return false;
  Transaction transaction(db);
  if (!transaction.begun()) return false;
  return db.run(format.tables + fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};",
                                            format.application_id, format.version)) &&
         transaction.commit();
}

/// One that is ours and older; others stay as they are.
bool upgrade(Database& db, const FileFormat& format) {
  if (db.number("PRAGMA application_id") != format.application_id) return true;
  const std::int64_t version = db.number("PRAGMA user_version").value_or(0);
  if (version < 1 || version >= format.version) return true;
  Transaction transaction(db);
  if (!transaction.begun()) return false;
  for (auto to = version; to < format.version; ++to)
    if (!db.run(format.upgrades.at(static_cast<std::size_t>(to - 1)))) return false;
  return db.run(fmt::format("PRAGMA user_version = {}", format.version)) && transaction.commit();
}

Fault corrupt() {
  return {Fault::Kind::corrupt, "its content is damaged"};
}

bool sound(Database& db) {
  auto check = db.prepare("PRAGMA quick_check(1)");
  return check && check->step() && check->text(0) == "ok";
}

}  // namespace

Fault check_file(Database& db, const FileFormat& format) {
  const auto id = db.number("PRAGMA application_id");
  if (!id) return db.fault();
  const auto version = db.number("PRAGMA user_version");
  if (!version) return db.fault();
  if (*id != format.application_id)
    return {Fault::Kind::foreign,
            fmt::format("it is no database of flagfall's; move it away, or name another file as {}",
                        format.option)};
  if (*version > format.version)
    return {
        Fault::Kind::newer,
        fmt::format("it has schema {}, and this flagfall knows {}; it stays as it is: name another file as "
                    "{}, or upgrade",
                    *version, format.version, format.option)};
  if (*version < 1) return corrupt();
  if (*version < format.version)
    return {Fault::Kind::other,
            fmt::format("it has schema {}: who writes it brings it up to {} with its next start", *version,
                        format.version)};
  return {};
}

Fault set_up(Database& db, const FileFormat& format, std::int64_t most_bytes, bool check) {
  const auto pages = db.number("PRAGMA page_count");
  if (!pages) return db.fault();
  if (*pages == 0 && !create(db, format)) return db.fault();
  if (!upgrade(db, format)) return db.fault();
  if (Fault fault = check_file(db, format); fault.kind != Fault::Kind::none) return fault;
  if (check && !sound(db)) {
    const Fault fault = db.fault();
    return fault.kind == Fault::Kind::none || fault.kind == Fault::Kind::other ? corrupt() : fault;
  }
  const auto page_size = db.number("PRAGMA page_size");
  if (!page_size || *page_size <= 0) return db.fault();
  // Its user keeps it below most_bytes; this is the wall behind, with room for what that writes.
  const std::int64_t most_pages = most_bytes / *page_size * 5 / 4;
  const bool done =
      db.run(fmt::format("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit "
                         "= 1048576; PRAGMA wal_autocheckpoint = 256; "
                         "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY; PRAGMA max_page_count = {}",
                         most_pages));
  return done ? Fault{} : db.fault();
}

}  // namespace flagfall::store
