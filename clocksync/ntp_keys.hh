// chrony's key file (chrony.conf(5), `keyfile`): lines of ID, type, key. Only
// AES-CMAC keys are taken (RFC 8573 retires MD5). The text is an argument.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hh"

namespace flagfall::clocksync {

/// The key's octets, 16 or 32. `file` is for the error's text: "FILE:LINE: what".
Result<std::vector<std::uint8_t>> find_ntp_key(std::string_view text, std::uint32_t id,
                                               const std::string& file);
/// The same from a file, which nobody but its owner and group may read.
Result<std::vector<std::uint8_t>> read_ntp_key(const std::string& file, std::uint32_t id);

}  // namespace flagfall::clocksync
