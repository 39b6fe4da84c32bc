#include "common/store/kept_file.hh"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>

#include "common/base/log.hh"

namespace flagfall::store {
namespace {

/// Others' locks are short: a reader's checkpoint. A program that keeps one is named in the log instead.
constexpr int kBusyMs = 300;

std::optional<struct stat> status_of(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return std::nullopt;
  return info;
}

/// SQLite tries several ways, and tells how the last one failed: this is what stands in the way of writing.
Fault unwritable(const std::string& path, int otherwise) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  int error = otherwise;
  if (access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0 ||
      (access(path.c_str(), R_OK | W_OK) != 0 && errno != ENOENT))
    error = errno;
  const bool missing = error == ENOENT || error == ENOTDIR;
  return {missing ? Fault::Kind::missing : Fault::Kind::read_only,
          fmt::format("it cannot be written: {}; {}", std::generic_category().message(error),
                      missing ? "make its folder, for the user of flagfall-master"
                              : "let the user of flagfall-master write to it and its folder")};
}

/// FILE becomes FILE.damaged, in place of an earlier one. False: it could not be moved.
bool move_aside(const std::string& path) {
  // Its log belongs to it: together they can be repaired (`sqlite3 FILE .recover`).
  const bool moved = std::rename(path.c_str(), (path + ".damaged").c_str()) == 0;
  for (const char* part : {"-wal", "-shm"}) {
    const std::string from = path + part;
    const std::string to = path + ".damaged" + part;
    if (moved && std::rename(from.c_str(), to.c_str()) != 0) (void)std::remove(to.c_str());
  }
  return moved;
}

}  // namespace

Fault KeptFile::open() {
  if (db_ && !still_there()) {
    close();
    ++losses_;
    log::warn("{}: {} was removed or replaced; what it held is gone", options_.what, options_.path);
  }
  if (db_) return {};
  Fault fault;
  if (!damaged_) fault = open_once(!checked_);
  if (damaged_ || fault.kind == Fault::Kind::corrupt) {
    if (move_aside(options_.path)) {
      log::warn("{0}: {1} is damaged; it is {1}.damaged now, and a new one begins", options_.what,
                options_.path);
      ++moved_aside_;
      ++losses_;
    }
    damaged_ = false;
    fault = open_once(true);
  }
  checked_ = checked_ || is_open();
  return fault;
}

Fault KeptFile::open_once(bool check) {
  const std::string& path = options_.path;
  db_ = std::make_unique<Database>(path, Database::Mode::write, kBusyMs);
  Fault fault = !db_->ok()         ? db_->fault()
                : db_->read_only() ? unwritable(path, EACCES)
                                   : set_up(*db_, *options_.format, options_.most_bytes, check);
  if (fault.kind == Fault::Kind::missing) fault = unwritable(path, ENOENT);
  if (fault.kind == Fault::Kind::none) fault = opened();
  if (fault.kind != Fault::Kind::none) close();
  return fault;
}

Fault KeptFile::opened() {
  if (!use_(db_.get())) {
    const Fault fault = db_->fault();  // our version, and not our tables
    return fault.kind == Fault::Kind::other ? Fault{Fault::Kind::corrupt, "its content is damaged"} : fault;
  }
  const auto info = status_of(options_.path);
  if (!info) return {Fault::Kind::missing, "it has just been removed"};
  device_ = info->st_dev;
  inode_ = info->st_ino;
  return {};
}

void KeptFile::failed(const Fault& fault) {
  damaged_ = fault.kind == Fault::Kind::corrupt;
  if (fault.kind != Fault::Kind::full && fault.kind != Fault::Kind::locked) close();
}

void KeptFile::close() {
  if (!db_) return;
  (void)use_(nullptr);
  db_.reset();
}

bool KeptFile::still_there() const {
  const auto info = status_of(options_.path);
  return info && info->st_dev == device_ && info->st_ino == inode_;
}

}  // namespace flagfall::store
