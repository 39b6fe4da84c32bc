// Takes one connection's octets apart into requests (RFC 9112), by Boost.Beast's parser. A request is handed
// out when its header is complete; its content is skipped with the octets that follow. What two readers of
// the same octets could understand differently is refused (bare LF, two lengths, a length beside chunks,
// other codings, folded lines: RFC 9112 §5.2). RTSP's requests (RFC 2326 §6, RFC 7826 §7) differ by their
// first line, their target and CSeq, and have no chunks. Pure; allocates nothing for a request without
// content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "common/http/request.hh"

namespace flagfall::http {

struct RequestLimits {
  std::size_t header = 8192;     // octets of a request's line and fields, and of a chunked content's trailer
  std::size_t target = 2048;     // octets
  std::uint64_t body = 1 << 20;  // octets of content
  Protocol protocol = Protocol::http;
};

class RequestReader {
 public:
  /// `limits` outlives the reader.
  explicit RequestReader(const RequestLimits& limits);
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;
  RequestReader(RequestReader&& other) noexcept;
  RequestReader& operator=(RequestReader&& other) noexcept;
  ~RequestReader();

  struct Progress {
    std::size_t consumed = 0;        // octets that are done with; the others are to be shown again, with more
    std::optional<Request> request;  // its views are of the octets shown; answer it before the next call
    /// The answer's status when what was sent is no request: 400, 413, 414, 431, 501 or 505. The connection
    /// cannot be used any more, and nothing is to be read from it.
    int refuse = 0;
  };
  /// `data`: all octets that came and were not consumed, at most limits.header + 1 of them are looked at for
  /// a header. Ends at the first request. Neither request nor refusal: more octets are needed.
  [[nodiscard]] Progress read(std::string_view data);

  /// Between requests: a connection that is idle or closed here is no error of the client's.
  [[nodiscard]] bool idle() const { return !parser_ && searched_ == 0; }
  /// Content is being skipped.
  [[nodiscard]] bool in_body() const { return parser_ != nullptr; }

 private:
  class Parser;
  [[nodiscard]] Progress skip_body(std::string_view data);
  [[nodiscard]] Progress read_header(std::string_view data);
  [[nodiscard]] int parse(Parser& parser, std::string_view header) const;

  const RequestLimits* limits_;
  std::size_t searched_ = 0;        // octets of an incomplete header without its end
  std::unique_ptr<Parser> parser_;  // of a request with content
};

}  // namespace flagfall::http
