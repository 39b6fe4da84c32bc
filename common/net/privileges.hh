// Linux capabilities (libcap-ng): say which one is missing, and give all of them
// up. They belong to a thread: drop before starting others, which then inherit
// nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hh"

namespace flagfall::net {

enum class Capability : std::uint8_t { net_raw, net_admin, net_bind_service };

/// Does the calling thread have it in its effective set?
bool has_capability(Capability capability);

/// Does a program's file give it to who starts it (setcap)?
bool file_has_capability(const std::string& file, Capability capability);

/// An error when it is missing: which one, what for ("answer from a service's
/// address"), and how to grant it.
Status need_capability(Capability capability, std::string_view purpose);

/// The calling thread gives up every capability but this one, which no program that it starts gets. Throws
/// std::system_error.
void keep_capability(Capability capability);

/// The calling thread gives up every capability for good: permitted, effective, inheritable and
/// ambient, the bounding set where that is allowed, and no_new_privs. Sockets
/// that are open keep what they could do. Throws std::system_error.
void drop_capabilities();

}  // namespace flagfall::net
