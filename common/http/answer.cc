#include "common/http/answer.hh"

#include <fmt/format.h>

namespace flagfall::http {
namespace {

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
    case 454:
      return "Session Not Found";  // RTSP
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 505:
      return "Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

}  // namespace

void put(ByteWriter& out, std::string_view text) {
  out.bytes(as_bytes(text));
}
void put(ByteWriter& out, std::uint64_t number) {
  const fmt::format_int digits(number);
  put(out, std::string_view(digits.data(), digits.size()));
}

void begin_answer(int status, const Opening& opening, ByteWriter& out) {
  put(out, opening.protocol);
  put(out, " ");
  put(out, static_cast<std::uint64_t>(status));
  put(out, " ");
  put(out, reason(status));
  put(out, "\r\n");
  if (!opening.sequence.empty()) {
    put(out, "CSeq: ");
    put(out, opening.sequence);
    put(out, "\r\n");
  }
  put(out, opening.date);
}

std::string_view last_fields(const Ending& ending) {
  if (ending.close) return "\r\nConnection: close\r\n\r\n";
  return ending.told_to_keep ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\n\r\n";
}

void write_text(int status, std::string_view fields, std::string_view why, const Ending& ending,
                const Opening& opening, ByteWriter& out) {
  begin_answer(status, opening, out);
  put(out, fields);
  if (!why.empty()) put(out, "Content-Type: text/plain\r\n");
  put(out, opening.rtsp() ? "Cache-Control: no-cache\r\n" : "Cache-Control: no-store\r\n");
  put(out, "Content-Length: ");
  put(out, why.size());
  put(out, last_fields(ending));
  if (!ending.head) put(out, why);
}

std::size_t Redirect::write(const Location& location, ByteWriter& out, std::size_t padding) const noexcept {
  begin_answer(static_cast<int>(status), opening, out);
  put(out, "Location: ");
  location.write(values, out);
  // True for this client's network alone, and as long as a DNS answer of the same would be.
  if (max_age > 0) {
    put(out, "\r\nCache-Control: private, max-age=");
    put(out, max_age);
  } else {
    put(out, opening.rtsp() ? "\r\nCache-Control: no-cache" : "\r\nCache-Control: no-store");
  }
  const std::size_t blanks = out.size();
  for (; padding > 0; --padding) put(out, " ");
  put(out, "\r\nContent-Length: 0");
  put(out, last_fields(ending));
  return blanks;
}

}  // namespace flagfall::http
