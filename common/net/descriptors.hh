// How many descriptors this process may have.
#pragma once

namespace flagfall::net {

/// As many as the operator allows: one connection is one descriptor, and the soft limit of 1,024 is for
/// programs that use select(2).
void raise_descriptor_limit();

}  // namespace flagfall::net
