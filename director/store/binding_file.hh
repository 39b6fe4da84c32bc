// The tables of the director's SQLite file, and reading and writing them. The store's thread; statements are
// prepared once a connection.
//
// `bindings` has a row for each (service, prefix, by_hand), `drains` one a server. Names and prefixes are
// text, so that the file makes sense to `sqlite3`.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "common/store/file_format.hh"
#include "common/store/sqlite.hh"
#include "director/store/records.hh"

namespace flagfall::director {

const store::FileFormat& binding_file_format();

class BindingWriter {
 public:
  /// Nothing when the tables are not as expected: see db.fault(). `db` outlives it.
  static std::unique_ptr<BindingWriter> make(store::Database& db);

  /// In one transaction, all or nothing. False: see db.fault().
  bool write(const StoredChanges& changes);

 private:
  BindingWriter(store::Database& db, std::vector<store::Statement> statements)
      : db_(db), statements_(std::move(statements)) {}
  bool write(const StoredChange& change);
  bool write(const StoredDrain& drain);

  store::Database& db_;
  std::vector<store::Statement> statements_;
};

/// Everything in a file, in pieces.
class BindingReader {
 public:
  /// `db` outlives it.
  explicit BindingReader(store::Database& db);

  /// The next rows, `most` at a time; none: the end, or ok() is false. Rows that make no sense are left out
  /// and counted.
  StoredChanges next(std::size_t most);
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::uint64_t wrong() const { return wrong_; }

 private:
  void read_binding(StoredChanges& out);
  void read_drain(StoredChanges& out);

  std::optional<store::Statement> drains_;
  std::optional<store::Statement> bindings_;
  bool ok_ = true;
  std::uint64_t wrong_ = 0;
};

}  // namespace flagfall::director
