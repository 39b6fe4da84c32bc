// Policy "static": a file that says which servers a client network gets. A line each,
//
//   PREFIX SERVER [SERVER...]     # best first
//
// with `#` before what is not for us. Parsing is total: any bytes give a map or errors with file and line.
// Any thread; load_static_map() blocks.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/base/result.hh"
#include "director/prefix_order.hh"

namespace flagfall::director {

inline constexpr std::size_t kMostStaticPrefixes = 1'000'000;
inline constexpr std::size_t kMostStaticFile = std::size_t{128} << 20;  // octets

/// In the order of the prefixes. `servers`: their names, by index. The error has all mistakes (twenty at
/// most), one a line: no such server, a prefix twice, a server twice, too many.
Result<PrefixOrders> parse_static_map(std::string_view text, const std::string& name,
                                      std::span<const std::string> servers);
Result<PrefixOrders> load_static_map(const std::string& path, std::span<const std::string> servers);

}  // namespace flagfall::director
