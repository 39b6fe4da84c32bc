// A file of bindings, one JSON object a line, as bodies of POST /bindings that a master takes. Total.
#pragma once

#include <functional>
#include <istream>
#include <string>

#include "common/base/result.hh"

namespace flagfall::tools {

/// Octets of a body at most: a master takes 64 KiB.
inline constexpr std::size_t kMostImport = 60'000;

/// Calls `post` with one body after another; how many bindings they were. Errors name the line; what was
/// posted before stays.
Result<std::uint64_t> import_bindings(std::istream& file,
                                      const std::function<Status(const std::string&)>& post);

}  // namespace flagfall::tools
