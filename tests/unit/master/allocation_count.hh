// Counts calls of operator new on this thread, to prove that the path of a query
// makes none.
#pragma once

#include <cstddef>

namespace flagfall::test {

/// Allocations that this thread made so far.
std::size_t allocations();

}  // namespace flagfall::test
