// RAII over SQLite's C interface: a connection, a prepared statement, and what
// went wrong as a value. One connection a thread. The only place with raw SQLite.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace flagfall::store {

/// Why a call failed, and whether waiting, an operator or nobody can help.
struct Fault {
  enum class Kind : std::uint8_t {
    none,
    full,       // no space left on the disk, or the database is at its largest size
    read_only,  // the disk, the folder or the file
    locked,     // another program has a lock on it
    missing,    // the folder or the file is not there, or may not be opened
    corrupt,    // ours, but broken inside
    foreign,    // a file that flagfall did not make
    newer,      // of a later version of flagfall
    other       // an error of the disk
  };
  Kind kind = Kind::none;
  std::string text;  // one line without the file's name
};

class Statement {
 public:
  explicit Statement(sqlite3_stmt* raw) : raw_(raw) {}

  /// Values in order, from the first; then step() or run().
  Statement& bind(std::int64_t value);
  Statement& bind(double value);
  /// `text` is copied.
  Statement& bind(std::string_view text);
  /// True: there is a row. False: there is none (any more), or it failed; ok() says which.
  bool step();
  /// A statement without rows: to its end, ready for the next. False: it failed.
  bool run();
  [[nodiscard]] bool ok() const { return ok_; }

  /// Of the row; zero and empty when there is another type, or no such column.
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  /// The same until the next step(), without a copy.
  [[nodiscard]] std::string_view view(int column) const;
  [[nodiscard]] bool null(int column) const;

 private:
  struct Deleter {
    void operator()(sqlite3_stmt* raw) const;
  };
  std::unique_ptr<sqlite3_stmt, Deleter> raw_;
  int bound_ = 0;
  bool ok_ = true;
};

class Database {
 public:
  enum class Mode : std::uint8_t {
    write,     // made when it is not there
    read,      // beside a writer
    immutable  // read a file that nobody writes, in a folder that we may not write
  };
  /// Never throws; ask ok(). `busy_ms`: how long it waits for others' locks.
  Database(const std::string& path, Mode mode, int busy_ms);

  [[nodiscard]] bool ok() const { return open_; }
  /// What the last failed call said; after a transaction that failed, why it did.
  [[nodiscard]] Fault fault() const;
  /// The file, or the disk, cannot be written.
  [[nodiscard]] bool read_only() const;

  /// Nothing when it cannot be prepared.
  [[nodiscard]] std::optional<Statement> prepare(const std::string& sql);
  /// Statements without parameters or results.
  bool run(const std::string& sql);
  /// The first column of the first row; nothing when it failed or there is no row.
  std::optional<std::int64_t> number(const std::string& sql);

 private:
  struct Deleter {
    void operator()(sqlite3* raw) const;
  };
  std::unique_ptr<sqlite3, Deleter> raw_;
  friend class Transaction;
  bool open_ = false;
  std::optional<Fault> failed_;  // the last transaction
};

/// BEGIN IMMEDIATE ... COMMIT; rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& db);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction(Transaction&&) = delete;
  Transaction& operator=(Transaction&&) = delete;

  [[nodiscard]] bool begun() const { return begun_; }
  bool commit();

 private:
  Database& db_;
  bool begun_ = false;
  bool committed_ = false;
};

}  // namespace flagfall::store
