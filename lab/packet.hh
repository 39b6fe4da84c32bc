// Where an IP packet wants to go. Total: any bytes give an answer.
#pragma once

#include <optional>

#include "common/base/ip.hh"

namespace flagfall::lab {

/// The destination in an IPv4 (RFC 791) or IPv6 (RFC 8200) header; none when the
/// bytes are too short for one, or are neither.
std::optional<IpAddress> destination(Bytes packet);

/// Multicast of either family, or the limited broadcast: nothing a point-to-point path carries.
bool is_multicast(const IpAddress& address);

}  // namespace flagfall::lab
