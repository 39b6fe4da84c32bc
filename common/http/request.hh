// A request of HTTP/1.x, or of RTSP (RFC 2326, RFC 7826), as far as a redirect needs it.
#pragma once

#include <cstdint>
#include <string_view>

namespace flagfall::http {

enum class Protocol : std::uint8_t { http, rtsp };

/// RFC 9112 §3.2.
enum class TargetForm : std::uint8_t { origin, absolute, authority, asterisk };

struct Request {
  std::string_view method;  // as sent: a token (RFC 9110 §5.6.2)
  TargetForm form = TargetForm::origin;
  /// Path and query, from its first "/"; "*" of the asterisk form; empty of the authority form. Octets above
  /// 0x20 without DEL and "#".
  std::string_view path;
  /// Name or address of the server, without port, as sent: of the target when that has one, otherwise of the
  /// Host field. Letters, digits, "-", "_", ".", or an IP literal in brackets. Empty only of HTTP/1.0.
  std::string_view host;
  std::string_view port;  // digits; empty: none was sent
  /// Its field lines as they came, each with its end of line.
  std::string_view fields{};
  bool head = false;            // HEAD: the answer has no content
  bool keep_alive = true;       // the client can use the connection again
  bool minor_0 = false;         // HTTP/1.0
  bool body = false;            // content follows
  bool upgrade = false;         // the client wants another protocol on this connection
  bool expects = false;         // Expect: 100-continue: content follows only if it is asked for
  bool rtsp_2 = false;          // RTSP/2.0
  std::string_view sequence{};  // CSeq, digits: only of RTSP
};

}  // namespace flagfall::http
