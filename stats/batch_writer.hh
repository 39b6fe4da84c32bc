// Writes batches into the database, and reads back what an earlier run knew.
// The store's thread; statements are prepared once a connection.
#pragma once

#include <memory>
#include <vector>

#include "stats/cells.hh"
#include "stats/schema.hh"

namespace flagfall::stats {

class BatchWriter {
 public:
  /// Nothing when the tables are not as expected: see db.fault(). `db` and `names` outlive it.
  static std::unique_ptr<BatchWriter> make(Database& db, const Names& names);

  /// In one transaction, all or nothing. False: see db.fault().
  bool write(const Batch& batch);

 private:
  BatchWriter(Database& db, const Names& names, std::vector<Statement> upserts, Statement arrival);
  bool write_groups(const Batch& batch);
  bool write_margins(const Batch& batch);
  bool write_counters(const Batch& batch);
  bool write_arrivals(const Batch& batch);

  Database& db_;
  const Names& names_;
  std::vector<Statement> upserts_;  // as cell_tables()
  Statement arrival_;
};

/// Rows of services and slaves that `names` has; nothing on an error.
std::vector<ArrivalRow> read_arrivals(Database& db, const Names& names);

}  // namespace flagfall::stats
