// The file that the store writes: opened, checked, watched and, when it is
// damaged, moved aside. One thread.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>

#include "stats/batch_writer.hh"
#include "stats/roll_up.hh"
#include "stats/sqlite.hh"

namespace flagfall::stats {

class OpenFile {
 public:
  /// Nothing, and `fault` says why. `check`: read all of it, and find damage.
  static std::unique_ptr<OpenFile> open(const std::string& path, const KeepLimits& keep, const Names& names,
                                        bool check, Fault& fault);

  /// False: somebody has removed or replaced the file, or its folder.
  [[nodiscard]] bool still_there() const;

  Database& db() { return *db_; }
  BatchWriter& writer() { return *writer_; }
  RollUp& roll_up() { return *roll_up_; }

 private:
  OpenFile() = default;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::unique_ptr<Database> db_;  // the others hold on to it
  std::unique_ptr<BatchWriter> writer_;
  std::optional<RollUp> roll_up_;
};

/// FILE becomes FILE.damaged, in place of an earlier one. False: it could not be moved.
bool move_aside(const std::string& path);

}  // namespace flagfall::stats
