// A MaxMind DB in memory, opened by libmaxminddb. One owner; any thread.
#pragma once

#include <maxminddb.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/base/bytes.hh"
#include "common/base/result.hh"

namespace flagfall::director {

class MmdbFile {
 public:
  /// Copies the octets to where nobody can truncate them: the library maps files. Errors: what is wrong,
  /// without a name.
  static Result<MmdbFile> open(std::string_view octets);

  [[nodiscard]] const MMDB_s& db() const { return *db_; }
  [[nodiscard]] Bytes data_section() const { return {db_->data_section, db_->data_section_size}; }
  /// Bits of an address.
  [[nodiscard]] unsigned depth() const { return db_->depth; }
  [[nodiscard]] std::uint32_t nodes() const { return db_->metadata.node_count; }

 private:
  struct Close {
    void operator()(MMDB_s* db) const;
  };
  std::unique_ptr<MMDB_s, Close> db_;
};

}  // namespace flagfall::director
