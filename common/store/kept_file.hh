// A SQLite file that is kept whatever happens to it: opened when that works, checked, watched, moved aside
// when it is damaged, begun anew when somebody has removed it. One thread.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/store/file_format.hh"
#include "common/store/sqlite.hh"

namespace flagfall::store {

class KeptFile {
 public:
  struct Options {
    std::string what;  // for the log: "statistics"
    std::string path;
    const FileFormat* format = nullptr;
    std::int64_t most_bytes = 0;
  };
  /// Prepares statements for a database that has just been opened; false: its tables are not ours. With null:
  /// the database is about to be closed, nothing may hold on to it.
  using Use = std::function<bool(Database*)>;

  KeptFile(Options options, Use use) : options_(std::move(options)), use_(std::move(use)) {}
  ~KeptFile() { close(); }
  KeptFile(const KeptFile&) = delete;
  KeptFile& operator=(const KeptFile&) = delete;
  KeptFile(KeptFile&&) = delete;
  KeptFile& operator=(KeptFile&&) = delete;

  /// Opens it unless it is open and still where it was. Otherwise why it is not.
  Fault open();
  [[nodiscard]] bool is_open() const { return db_ != nullptr; }
  /// Only while it is open.
  [[nodiscard]] Database& db() const { return *db_; }
  /// After a transaction that failed with this: closed, unless waiting may help; a damaged one is moved aside
  /// when it is opened next.
  void failed(const Fault& fault);
  /// As a rule with a checkpoint.
  void close();

  /// How often the content was lost, so that what is kept must be written again.
  [[nodiscard]] std::uint64_t losses() const { return losses_; }
  [[nodiscard]] std::uint64_t moved_aside() const { return moved_aside_; }

 private:
  Fault open_once(bool check);
  Fault opened();
  [[nodiscard]] bool still_there() const;

  Options options_;
  Use use_;
  std::unique_ptr<Database> db_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool checked_ = false;
  bool damaged_ = false;
  std::uint64_t losses_ = 0;
  std::uint64_t moved_aside_ = 0;
};

}  // namespace flagfall::store
