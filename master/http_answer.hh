// The octets of answers to web clients (RFC 9110, RFC 9112; RTSP: RFC 2326, RFC 7826): how they begin, how
// they end, and redirects as a whole. Pure; allocates nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/bytes.hh"
#include "master/http_location.hh"

namespace flagfall::master {

/// How an answer ends: what the connection does, and whether content follows the header.
struct HttpEnding {
  bool close = false;
  bool told_to_keep = false;  // HTTP/1.0 wants to hear it
  bool head = false;
};

/// How it begins.
struct HttpOpening {
  std::string_view protocol = "HTTP/1.1";
  std::string_view sequence{};  // CSeq of RTSP's request, which its answer repeats; empty: none
  std::string_view date{};      // the whole field with its end of line, or empty
  [[nodiscard]] bool rtsp() const { return protocol.starts_with('R'); }
};

/// The status line, and the fields that each answer has.
void begin_answer(int status, const HttpOpening& opening, ByteWriter& out);
/// From the end of the field before to the end of the header.
std::string_view last_fields(const HttpEnding& ending);
void put(ByteWriter& out, std::string_view text);
void put(ByteWriter& out, std::uint64_t number);

/// A redirect, but for where it leads.
struct HttpRedirect {
  unsigned status = 302;
  HttpLocation::Values values;
  std::uint32_t max_age = 0;  // seconds that this client may keep it; 0: not at all
  HttpEnding ending;
  HttpOpening opening{};

  /// `padding`: more octets than it needs, as blanks behind a field's value, which mean nothing (RFC 9110
  /// §5.5).
  void write(const HttpLocation& location, ByteWriter& out, std::size_t padding = 0) const noexcept;
};

}  // namespace flagfall::master
