// A web client's GET as the server behind gets it: written anew of what was read, so that no two readers can
// see different requests in it. Pure; allocates nothing.
#pragma once

#include <cstddef>
#include <string_view>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"
#include "common/http/request.hh"

namespace flagfall::http {

/// What `Via` says of flagfall: a request that has it in was passed on before.
inline constexpr std::string_view kVia = "1.1 flagfall";

/// Request line and fields to the empty line, which take out.written(): the path with one "/" in front,
/// `host` with the request's port, and the client's fields but those that end at this hop, speak of a part
/// (Range), or of who asks: X-Forwarded-For is `client`. False, and what is written means nothing: no GET of
/// HTTP/1.1 without content, a line that is no field, octets that no URI has, a request that comes back, or
/// no room.
bool write_backend_request(const Request& request, std::string_view host, const IpAddress& client,
                           ByteWriter& out) noexcept;

/// Looks like one that was written so: what a slave may pass on.
bool is_backend_request(std::string_view text) noexcept;

}  // namespace flagfall::http
