#include "director/mmdb_guard.hh"

#include <algorithm>

namespace flagfall::director {
namespace {

// MaxMind DB File Format Specification 2.0, "Data Field Format".
enum Type : std::uint8_t {
  kExtended = 0,
  kPointer = 1,
  kMap = 7,
  kArray = 11,
  kContainer = 12,
  kEndMarker = 13,
  kBoolean = 14,
  kFloat = 15,
};

/// The payload's octets, or a map's or array's entries.
std::uint32_t read_size(std::uint8_t control, ByteReader& in) {
  const std::uint32_t size = control & 31U;
  if (size == 29) return 29 + in.u8();
  if (size == 30) return 285 + in.u16();
  if (size != 31) return size;
  const std::uint32_t high = in.u8();
  return 65821 + (high << 16 | in.u16());
}

}  // namespace

bool MmdbGuard::harmless(std::uint64_t offset) {
  left_ = std::min(kMostEntries, work_);
  const std::uint64_t before = left_;
  const bool good = walk(offset, 0).has_value();
  work_ -= before - left_;
  return good;
}

std::optional<std::uint64_t> MmdbGuard::follow(std::uint8_t control, ByteReader& in, std::uint64_t base,
                                               unsigned depth) {
  const unsigned size = (control >> 3 & 3U) + 1;
  std::uint64_t target = size == 4 ? 0 : control & 7U;
  for (unsigned i = 0; i < size; ++i) target = target << 8 | in.u8();
  if (size == 2) target += 2048;
  if (size == 3) target += 526336;
  // A pointer to a pointer is an error to the library, too, and would go round in circles here.
  if (!in.ok() || target >= section_.size() || section_[target] >> 5 == kPointer) return std::nullopt;
  if (!walk(target, depth + 1)) return std::nullopt;
  return base + in.position();
}

std::optional<std::uint64_t> MmdbGuard::walk(std::uint64_t offset, unsigned depth) {
  if (offset >= section_.size() || depth > kMostDepth || left_ == 0) return std::nullopt;
  --left_;
  ByteReader in(section_.subspan(offset));
  const std::uint8_t control = in.u8();
  unsigned type = control >> 5;
  if (type == kPointer) return follow(control, in, offset, depth);
  if (type == kExtended) type = 7U + in.u8();
  const std::uint32_t size = read_size(control, in);
  if (!in.ok() || type == kContainer || type == kEndMarker || type > kFloat) return std::nullopt;
  if (type != kMap && type != kArray) {
    if (type != kBoolean) in.skip(size);
    return in.ok() ? std::optional(offset + in.position()) : std::nullopt;
  }
  std::optional<std::uint64_t> next = offset + in.position();
  for (std::uint64_t n = type == kMap ? std::uint64_t{size} * 2 : size; n > 0 && next; --n)
    next = walk(*next, depth + 1);
  return next;
}

std::optional<std::size_t> mmdb_metadata(std::string_view file) {
  constexpr std::string_view kMarker = "\xab\xcd\xefMaxMind.com";
  constexpr std::size_t kArea = std::size_t{128} << 10;
  const std::size_t at = file.rfind(kMarker);
  if (at == std::string_view::npos || file.size() - at > kArea) return std::nullopt;
  return at + kMarker.size();
}

}  // namespace flagfall::director
