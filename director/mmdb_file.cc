#include "director/mmdb_file.hh"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "director/mmdb_guard.hh"

namespace flagfall::director {
namespace {

/// A file in memory that lives as long as it is open.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view octets) : fd_(memfd_create("mmdb", MFD_CLOEXEC)) {
    while (fd_ >= 0 && !octets.empty()) {
      const ssize_t n = write(fd_, octets.data(), octets.size());
      if (n <= 0) return;
      octets.remove_prefix(static_cast<std::size_t>(n));
    }
    whole_ = fd_ >= 0;
  }
  ~MemoryFile() {
    if (fd_ >= 0) close(fd_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] bool whole() const { return whole_; }
  [[nodiscard]] std::string path() const { return fmt::format("/proc/self/fd/{}", fd_); }

 private:
  int fd_;
  bool whole_ = false;
};

/// The library's own check is done in 32 bits.
bool tree_fits(const MMDB_s& db) {
  const std::uint64_t tree = std::uint64_t{db.metadata.node_count} * db.full_record_byte_size;
  const auto before_metadata = static_cast<std::uint64_t>(db.metadata_section - db.file_content);
  constexpr std::uint64_t kSeparator = 16;
  return db.full_record_byte_size > 0 && tree + kSeparator <= before_metadata;
}

}  // namespace

void MmdbFile::Close::operator()(MMDB_s* db) const {
  MMDB_close(db);
  delete db;  // NOLINT(cppcoreguidelines-owning-memory): what unique_ptr is told to do
}

Result<MmdbFile> MmdbFile::open(std::string_view octets) {
  const auto metadata = mmdb_metadata(octets);
  if (!metadata) return Error{"is no MaxMind database: it has no metadata"};
  if (!MmdbGuard(as_bytes(octets).subspan(*metadata), MmdbGuard::kMostEntries).harmless(0))
    return Error{"is damaged: its metadata is not whole"};
  const MemoryFile file(octets);
  if (!file.whole())
    return Error{fmt::format("no memory for it: {}", std::generic_category().message(errno))};
  auto db = std::make_unique<MMDB_s>();
  if (const int status = MMDB_open(file.path().c_str(), MMDB_MODE_MMAP, db.get()); status != MMDB_SUCCESS)
    return Error{fmt::format("cannot be read: {}", MMDB_strerror(status))};
  MmdbFile out;
  out.db_.reset(db.release());
  const std::uint16_t version = out.db().metadata.ip_version;
  if ((version != 4 && version != 6) || !tree_fits(out.db()))
    return Error{"is damaged: its metadata does not fit its size"};
  return out;
}

}  // namespace flagfall::director
