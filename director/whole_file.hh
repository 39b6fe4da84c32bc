// A file's octets, up to a limit. Blocks; for start-up and worker threads.
#pragma once

#include <cstddef>
#include <string>

#include "common/base/result.hh"

namespace flagfall::director {

/// The error is "path: what is wrong". Devices and pipes are read like files, no further than `most`.
Result<std::string> read_whole_file(const std::string& path, std::size_t most);

}  // namespace flagfall::director
