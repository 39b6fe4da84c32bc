// What a record is about, as the key of tables.
#pragma once

#include <cstddef>
#include <string>

#include "common/base/hash.hh"
#include "director/store/records.hh"

namespace flagfall::director {

struct RecordKey {
  enum class What : std::uint8_t { learned, by_hand, drain };
  What what = What::learned;
  std::string name;  // of the service, or the drained server
  Prefix prefix;     // of a binding
  bool operator==(const RecordKey&) const = default;
};

inline RecordKey key_of(const StoredBinding& binding) {
  return {binding.by_hand() ? RecordKey::What::by_hand : RecordKey::What::learned, binding.service,
          binding.prefix};
}
inline RecordKey key_of(const StoredDrain& drain) {
  return {RecordKey::What::drain, drain.server, {}};
}

/// Prefixes are strangers': who does not know the seed cannot make them meet.
class RecordHash {
 public:
  explicit RecordHash(Random& random) : hash_(random) {}
  std::size_t operator()(const RecordKey& key) const {
    const Bytes name(reinterpret_cast<const std::uint8_t*>(key.name.data()), key.name.size());
    std::uint64_t h = hash_.mix(hash_.start(), name);
    h = hash_.mix(h, key.prefix.ip.bytes());
    return hash_.finish(
        hash_.mix(h, std::uint64_t{key.prefix.length} << 8 | static_cast<std::uint64_t>(key.what)));
  }

 private:
  SeededHash hash_;
};

}  // namespace flagfall::director
