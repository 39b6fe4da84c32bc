// Records as masters share them in Redis: a field that says what a record is about, and a value that begins
// with its version. docs/design/store.md has the format. Pure and total.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "director/store/record_key.hh"

namespace flagfall::director {

using Record = std::variant<StoredChange, StoredDrain>;

/// Of two versions of a record the greater one is right, at every master.
struct Version {
  RealTime at;
  std::uint64_t master = 0;                          // who wrote it
  auto operator<=>(const Version&) const = default;  // NOLINT(*-use-nullptr): there is none
};

/// Octets of a version in text: "01795000000000000000 00c0ffee00c0ffee", in the order of versions.
inline constexpr std::size_t kVersionText = 37;

RecordKey key_of(const Record& record);
RealTime time_of(const Record& record);
bool sound(const Record& record);
/// What is left of a binding that is gone.
StoredChange gone_record(const RecordKey& key, RealTime since);

/// "b,web,192.0.2.0/24" (learned), "h,web,192.0.2.0/24" (by hand), "d,fra" (a drained server)
std::string field_of(const RecordKey& key);
/// '-' when it is gone, else '+' and figures between tabulators.
std::string state_of(const Record& record);
/// The version, a blank, and the state.
std::string value_of(const Version& version, std::string_view state);

struct SharedRecord {
  Record record;
  Version version;
};
/// Nothing: it is not what we write, or makes no sense.
std::optional<SharedRecord> parse_record(std::string_view field, std::string_view value);

}  // namespace flagfall::director
