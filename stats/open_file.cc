#include "stats/open_file.hh"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>

#include "stats/schema.hh"

namespace flagfall::stats {
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

}  // namespace

std::unique_ptr<OpenFile> OpenFile::open(const std::string& path, const KeepLimits& keep, const Names& names,
                                         bool check, Fault& fault) {
  std::unique_ptr<OpenFile> out(new OpenFile());
  out->path_ = path;
  out->db_ = std::make_unique<Database>(path, Database::Mode::write, kBusyMs);
  fault = !out->db_->ok()         ? out->db_->fault()
          : out->db_->read_only() ? unwritable(path, EACCES)
                                  : set_up(*out->db_, keep.most_bytes, check);
  if (fault.kind == Fault::Kind::missing) fault = unwritable(path, ENOENT);
  if (fault.kind != Fault::Kind::none) return nullptr;
  out->writer_ = BatchWriter::make(*out->db_, names);
  if (!out->writer_) {
    fault = out->db_->fault();  // our version, and not our tables
    if (fault.kind == Fault::Kind::other) fault = {Fault::Kind::corrupt, "its content is damaged"};
    return nullptr;
  }
  const auto info = status_of(path);
  if (!info) {
    fault = {Fault::Kind::missing, "it has just been removed"};
    return nullptr;
  }
  out->device_ = info->st_dev;
  out->inode_ = info->st_ino;
  out->roll_up_.emplace(*out->db_, keep);
  return out;
}

bool OpenFile::still_there() const {
  const auto info = status_of(path_);
  return info && info->st_dev == device_ && info->st_ino == inode_;
}

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

}  // namespace flagfall::stats
