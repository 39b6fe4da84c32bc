#include "common/store/sqlite.hh"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cctype>
#include <cerrno>
#include <system_error>

namespace flagfall::store {
namespace {

/// A path as a URI: what has a meaning there is escaped.
std::string uri(const std::string& path, std::string_view parameters) {
  std::string out = "file:";
  for (const char c : path) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/' || c == '.' || c == '-' || c == '_') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out + std::string(parameters);
}

Fault::Kind kind_of(int code, int system) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return Fault::Kind::full;
    case SQLITE_READONLY:
      return Fault::Kind::read_only;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return Fault::Kind::locked;
    case SQLITE_CORRUPT:
      return Fault::Kind::corrupt;
    case SQLITE_NOTADB:
      return Fault::Kind::foreign;
    default:
      break;
  }
  if (system == ENOSPC || system == EDQUOT) return Fault::Kind::full;
  if (system == EROFS) return Fault::Kind::read_only;
  return (code & 0xff) == SQLITE_CANTOPEN ? Fault::Kind::missing : Fault::Kind::other;
}

std::string text_of(Fault::Kind kind, sqlite3* db, int system) {
  const std::string cause = system == 0 ? "" : ": " + std::generic_category().message(system);
  switch (kind) {
    case Fault::Kind::full:
      return "there is no space left, on the disk or within its largest size; make room";
    case Fault::Kind::read_only:
      return "it cannot be written" + cause + "; let the user of flagfall-master write to it and its folder";
    case Fault::Kind::locked:
      return "another program keeps it locked; end that program";
    case Fault::Kind::missing:
      return "it cannot be opened" + cause;
    case Fault::Kind::corrupt:
      return "its content is damaged";
    case Fault::Kind::foreign:
      return "it is no database of flagfall's; move it away, or name another file";
    case Fault::Kind::newer:
      return "it is of a newer flagfall; it stays as it is: name another file, or upgrade";
    case Fault::Kind::none:
    case Fault::Kind::other:
      break;
  }
  return std::string(db == nullptr ? "out of memory" : sqlite3_errmsg(db)) + cause;
}

}  // namespace

void Statement::Deleter::operator()(sqlite3_stmt* raw) const {
  sqlite3_finalize(raw);
}

Statement& Statement::bind(std::int64_t value) {
  ok_ = sqlite3_bind_int64(raw_.get(), ++bound_, value) == SQLITE_OK && ok_;
  return *this;
}

Statement& Statement::bind(double value) {
  ok_ = sqlite3_bind_double(raw_.get(), ++bound_, value) == SQLITE_OK && ok_;
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  ok_ = sqlite3_bind_text64(raw_.get(), ++bound_, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8) ==
            SQLITE_OK &&
        ok_;
  return *this;
}

bool Statement::step() {
  if (!ok_) return false;
  const int code = sqlite3_step(raw_.get());
  if (code != SQLITE_ROW && code != SQLITE_DONE) ok_ = false;
  return code == SQLITE_ROW;
}

bool Statement::run() {
  while (step()) {
  }
  const bool done = ok_;
  bound_ = 0;
  ok_ = true;
  // Tells again what step() failed with; the connection keeps it for fault().
  (void)sqlite3_reset(raw_.get());
  return done;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(raw_.get(), column);
}

double Statement::real(int column) const {
  return sqlite3_column_double(raw_.get(), column);
}

std::string Statement::text(int column) const {
  return std::string(view(column));
}

std::string_view Statement::view(int column) const {
  const unsigned char* chars = sqlite3_column_text(raw_.get(), column);
  const int size = sqlite3_column_bytes(raw_.get(), column);
  return chars == nullptr
             ? std::string_view()
             : std::string_view(reinterpret_cast<const char*>(chars), static_cast<std::size_t>(size));
}

bool Statement::null(int column) const {
  return sqlite3_column_type(raw_.get(), column) == SQLITE_NULL;
}

void Database::Deleter::operator()(sqlite3* raw) const {
  sqlite3_close_v2(raw);  // statements that are left hold it a little longer
}

Database::Database(const std::string& path, Mode mode, int busy_ms) {
  const int access = mode == Mode::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(uri(path, mode == Mode::immutable ? "?immutable=1" : "").c_str(), &raw,
                                   access | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
  raw_.reset(raw);
  open_ = code == SQLITE_OK;
  if (!open_) return;
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, busy_ms);
  // The file may be anybody's: no SQL that is hidden in its schema runs.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
}

bool Database::read_only() const {
  return sqlite3_db_readonly(raw_.get(), "main") == 1;
}

Fault Database::fault() const {
  if (failed_) return *failed_;
  const int code = raw_ ? sqlite3_extended_errcode(raw_.get()) : SQLITE_NOMEM;
  // Of other codes it would be an older call's.
  const bool by_system = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
  const int system = raw_ && by_system ? sqlite3_system_errno(raw_.get()) : 0;
  const Fault::Kind kind = kind_of(code, system);
  return {kind, text_of(kind, raw_.get(), kind == Fault::Kind::full ? 0 : system)};
}

std::optional<Statement> Database::prepare(const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(raw_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr) != SQLITE_OK)
    return std::nullopt;
  return Statement(raw);
}

bool Database::run(const std::string& sql) {
  return sqlite3_exec(raw_.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
}

Transaction::Transaction(Database& db) : db_(db) {
  db_.failed_.reset();
  begun_ = db_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (committed_) return;
  db_.failed_ = db_.fault();
  // SQLite has rolled back by itself after some errors, a full disk for one.
  if (sqlite3_get_autocommit(db_.raw_.get()) == 0) db_.run("ROLLBACK");
}

bool Transaction::commit() {
  committed_ = db_.run("COMMIT");
  return committed_;
}

std::optional<std::int64_t> Database::number(const std::string& sql) {
  auto statement = prepare(sql);
  if (!statement || !statement->step()) return std::nullopt;
  return statement->integer(0);
}

}  // namespace flagfall::store
