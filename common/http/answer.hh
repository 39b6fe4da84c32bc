// The octets of answers to web clients (RFC 9110, RFC 9112; RTSP: RFC 2326, RFC 7826): how they begin, how
// they end, and redirects as a whole. Pure; allocates nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/bytes.hh"
#include "common/http/location.hh"

namespace flagfall::http {

/// How an answer ends: what the connection does, and whether content follows the header.
struct Ending {
  bool close = false;
  bool told_to_keep = false;  // HTTP/1.0 wants to hear it
  bool head = false;
};

/// How it begins.
struct Opening {
  std::string_view protocol = "HTTP/1.1";
  std::string_view sequence{};  // CSeq of RTSP's request, which its answer repeats; empty: none
  std::string_view date{};      // the whole field with its end of line, or empty
  [[nodiscard]] bool rtsp() const { return protocol.starts_with('R'); }
};

/// The status line, and the fields that each answer has.
void begin_answer(int status, const Opening& opening, ByteWriter& out);
/// From the end of the field before to the end of the header.
std::string_view last_fields(const Ending& ending);
void put(ByteWriter& out, std::string_view text);
void put(ByteWriter& out, std::uint64_t number);

/// A whole answer whose content is one line that says what is wrong; none: no content. `fields`: whole ones.
void write_text(int status, std::string_view fields, std::string_view why, const Ending& ending,
                const Opening& opening, ByteWriter& out);

/// A redirect, but for where it leads.
struct Redirect {
  unsigned status = 302;
  Location::Values values;
  std::uint32_t max_age = 0;  // seconds that this client may keep it; 0: not at all
  Ending ending;
  Opening opening{};

  /// `padding`: more octets than it needs, as blanks behind a field's value, which mean nothing (RFC 9110
  /// §5.5). Where they are, or would be.
  std::size_t write(const Location& location, ByteWriter& out, std::size_t padding = 0) const noexcept;
};

}  // namespace flagfall::http
