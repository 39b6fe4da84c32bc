// Topologies as TOML files, and the `key=value` words that change a link while
// the lab runs: one table for both. Errors are file:line. No descriptors kept.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hh"
#include "common/config/types.hh"
#include "lab/topology.hh"

namespace flagfall::lab {

/// Bits per second: "512kbit", "10Mbit", "1Gbit".
struct BitRate {
  std::uint64_t bits = 0;
};

/// What somebody said of a link; the rest stays as it is.
struct LinkChange {
  std::optional<Nanos> delay;
  std::optional<Nanos> jitter;
  std::optional<double> loss;
  std::optional<BitRate> rate;
  std::optional<config::ByteSize> queue;
  std::optional<double> reorder;
  std::optional<Nanos> reorder_by;

  [[nodiscard]] Link applied_to(Link link) const;
};

Result<Topology> load_topology(const std::string& path);
/// `name` stands for the file in errors.
Result<Topology> parse_topology(std::string_view text, const std::string& name);

/// Words such as `delay=20ms` and `loss=0.02`.
Result<LinkChange> parse_link_change(const std::vector<std::string>& words);

}  // namespace flagfall::lab
