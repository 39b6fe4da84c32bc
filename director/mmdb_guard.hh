// Whether libmaxminddb may be let loose on a file. Version 1.7.1, Debian 12's, trusts what it reads in three
// places: it recurses as deep as values are nested, reads beyond metadata that is empty, and multiplies the
// number of nodes without looking at the result. So a file's metadata, and each value before it is looked up,
// is walked here first: total, with bounded depth and work. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/bytes.hh"

namespace flagfall::director {

class MmdbGuard {
 public:
  /// Real databases nest five levels and have some hundred entries in a value.
  static constexpr unsigned kMostDepth = 24;
  static constexpr std::uint64_t kMostEntries = 8192;

  /// `section`: where the offsets of values and pointers count from. `work`: entries in all calls together.
  MmdbGuard(Bytes section, std::uint64_t work) : section_(section), work_(work) {}
  /// The value at an offset, with all that is in it and all that it points to, is whole, shallow and small.
  bool harmless(std::uint64_t offset);

 private:
  /// The offset behind the value, or nothing.
  std::optional<std::uint64_t> walk(std::uint64_t offset, unsigned depth);
  std::optional<std::uint64_t> follow(std::uint8_t control, ByteReader& in, std::uint64_t base,
                                      unsigned depth);
  Bytes section_;
  std::uint64_t work_;
  std::uint64_t left_ = 0;
};

/// Where the metadata of a file begins, behind its marker: the last one in the last 128 KiB, as libmaxminddb
/// finds it.
std::optional<std::size_t> mmdb_metadata(std::string_view file);

}  // namespace flagfall::director
