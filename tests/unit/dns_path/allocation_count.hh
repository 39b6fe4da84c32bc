// Counts every allocation of this program: operator new and malloc alike. To
// be linked into a test program of its own.
#pragma once

#include <cstdint>

namespace flagfall::test {

/// Since the program started, in all threads.
std::uint64_t allocations();

}  // namespace flagfall::test
