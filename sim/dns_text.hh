// The client's side of DNS, small: queries as resolvers write them, and what a
// client looks at in an answer. Apart from the product's own parser on purpose:
// the judge must not share its mistakes. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"
#include "common/base/random.hh"

namespace flagfall::sim {

inline constexpr std::uint16_t kTypeA = 1, kTypeNs = 2, kTypeCname = 5, kTypeMx = 15, kTypeTxt = 16,
                               kTypeAaaa = 28;

struct QueryText {
  std::uint16_t id = 0;
  std::string name;  // presentation form, no escapes
  std::uint16_t type = kTypeA;
  bool edns = false;
  std::vector<std::uint8_t> cookie;  // the option's data: 8 octets, or 16 to 40; empty: none
  bool recursive = true;             // stubs ask for recursion, and resolvers do not
};

/// `random_case`: each letter's case from this (the 0x20 trick); none: as it is.
std::vector<std::uint8_t> write_query(const QueryText& query, Random* random_case);

struct AnswerText {
  std::uint16_t id = 0;
  bool truncated = false;
  unsigned rcode = 0;
  std::vector<std::uint8_t> question;  // its octets, as they came
  std::vector<IpAddress> addresses;    // of A and AAAA records in the answer section
  std::optional<std::uint32_t> ttl;    // the least of the answer section
  std::vector<std::uint8_t> cookie;    // the option's data, or empty
  std::string target;                  // of a CNAME in the answer section, lower case; empty: none
  // Of a referral: the zone that is somebody else's, and its name servers' addresses.
  std::string cut;
  std::uint32_t cut_ttl = 0;
  std::vector<IpAddress> glue;
};

/// Nothing when it is no well-formed response with one question.
std::optional<AnswerText> read_answer(Bytes packet);
/// The octets of the question of a query or a response; empty when it has none.
Bytes question_of(Bytes packet);
/// Octets as a key of tables.
inline std::string key_text(Bytes octets) {
  return std::string(as_text(octets));
}
/// Its name in presentation form, lower case.
std::string question_name(Bytes packet);

/// The name that a beacon's CNAME leads to (docs/design/beacon.md): 32 digits of base32hex, and a slave's
/// zone.
struct BeaconName {
  std::string label, zone;
  std::uint32_t service = 0;  // a hash of its name
  std::uint64_t race = 0;
};
/// Nothing for what is no such name in form.
std::optional<BeaconName> read_beacon_name(const std::string& name);

}  // namespace flagfall::sim
