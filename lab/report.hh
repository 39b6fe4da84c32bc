// What a lab did, in words and as JSON. No descriptors.
#pragma once

#include <string>

#include "lab/forwarder.hh"
#include "lab/topology.hh"

namespace flagfall::lab {

/// Several lines: packets, drops by reason, excess over the deadlines.
std::string report_text(const ForwarderStats& stats);
/// One line: {"lab", "entered", "delivered", "under_way", "drops": {reason: n},
/// "excess_us": {"p50", "p99", "max"}, "links": [{"from", "to", "packets", "lost", "reordered"}]};
/// links that carried nothing are left out.
std::string report_json(const ForwarderStats& stats, std::size_t under_way, const Network& network,
                        const Topology& topology);

}  // namespace flagfall::lab
