// Where the clients of a slave are sent: the template of its `location`, read once, and filled for each
// request. Pure; immutable. What a client sent goes into the host only after it was matched against the
// configured hosts, and into the path with exactly one "/" in front, so that it can become no authority.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.hh"
#include "common/base/result.hh"

namespace flagfall::http {

class Location {
 public:
  static constexpr std::size_t kMostText = 1024;

  /// "{scheme}://fra.example.test{path}": a scheme (http, https, rtsp, rtsps or {scheme}), an authority that
  /// may have {host} in it, and a path that may have {path} (with the query) in it.
  static Result<Location> parse(std::string_view text);

  struct Values {
    std::string_view scheme;  // of the connection
    std::string_view host;    // one that is configured, lower case, without port
    std::string_view path;    // http::Request::path: "/..." and the query
  };
  /// The URI, of URI characters alone (RFC 3986 §2): octets that are none are percent-encoded.
  void write(const Values& values, ByteWriter& out) const;

  /// What who was sent here asks for: the host, without port, and what stands in front of the path that was
  /// asked for. None: the path is not to be told from what is behind it, or is not there.
  struct Own {
    std::string host;
    std::string path;  // without a final "/"
  };
  [[nodiscard]] std::optional<Own> own(std::string_view host) const;
  /// The host is, or holds, the request's.
  [[nodiscard]] bool takes_host() const { return host_; }
  /// Leads to the very URI that was asked for by this scheme.
  [[nodiscard]] bool leads_back(std::string_view scheme) const;
  /// Of clients of http (or https), or of rtsp.
  [[nodiscard]] bool suits(std::string_view scheme) const {
    return scheme_.empty() || scheme_.front() == scheme.front();
  }

 private:
  std::string scheme_;  // empty: the connection's
  std::string before_host_;
  bool host_ = false;
  std::string after_host_;
  std::string before_path_;
  bool path_ = false;
  std::string after_path_;
};

/// May stand in a path or a query as it is (RFC 3986 §3.3, §3.4), "%" included.
bool in_path(char c);

}  // namespace flagfall::http
