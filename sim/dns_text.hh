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

inline constexpr std::uint16_t kTypeA = 1, kTypeMx = 15, kTypeTxt = 16, kTypeAaaa = 28;

struct QueryText {
  std::uint16_t id = 0;
  std::string name;  // presentation form, no escapes
  std::uint16_t type = kTypeA;
  bool edns = false;
  std::vector<std::uint8_t> cookie;  // the option's data: 8 octets, or 16 to 40; empty: none
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
};

/// Nothing when it is no well-formed response with one question.
std::optional<AnswerText> read_answer(Bytes packet);
/// The octets of the question of a query or a response; empty when it has none.
Bytes question_of(Bytes packet);
/// Octets as a key of tables.
inline std::string key_text(Bytes octets) {
  return std::string(as_text(octets));
}

}  // namespace flagfall::sim
