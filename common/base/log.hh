// Logging, off the path of a request. spdlog underneath: stderr, and with the
// `<N>` priority prefixes of sd-daemon(3) when systemd reads it (JOURNAL_STREAM).
#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

#include "common/base/result.hh"

namespace flagfall::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

/// Once, first thing in main. `level` is debug, info, warning or error.
Status init(std::string_view program, std::string_view level);

}  // namespace flagfall::log
