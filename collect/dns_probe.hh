// One DNS question of a health check as bytes, and what its answer is worth. Pure,
// total.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "collect/health_core.hh"
#include "common/base/bytes.hh"

namespace flagfall::collect {

/// In wire form; none unless labels of 1 to 63 octets, without escapes, with at most 255 in all. "." is
/// the root.
std::optional<std::vector<std::uint8_t>> encode_dns_name(std::string_view name);

/// A query for `name` (as encode_dns_name gave it) without recursion.
std::vector<std::uint8_t> encode_dns_question(std::uint16_t id, Bytes name, std::uint16_t type);

/// None: it is no answer to that question, keep waiting. Good: NOERROR with at least one record.
std::optional<Finding> judge_dns_answer(Bytes answer, Bytes question);

}  // namespace flagfall::collect
