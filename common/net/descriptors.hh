// How many descriptors this process may have.
#pragma once

#include <cstdint>

namespace flagfall::net {

/// As many as the operator allows: one connection is one descriptor, and the soft limit of 1,024 is for
/// programs that use select(2). How many that are; 0: the kernel does not say.
std::uint64_t raise_descriptor_limit();

}  // namespace flagfall::net
