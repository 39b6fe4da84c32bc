#include "common/http/request_reader.hh"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cassert>
#include <utility>

#include "common/http/authority.hh"

namespace flagfall::http {
namespace {

namespace beast = boost::beast::http;

constexpr std::string_view kEnd = "\r\n\r\n";
/// The shortest end of chunked content, which follows whatever is before it: "0", two line ends. Shown less
/// at a last chunk's line, Beast 1.74 ends the program by an assertion.
constexpr std::size_t kLeastChunk = 5;

/// What Beast is shown instead of RTSP's first line.
constexpr std::string_view kSomeLine = "POST / HTTP/1.1\r\n";
constexpr std::size_t kMostSequence = 10;  // digits (RFC 7826 §18.20)

std::string_view text(boost::beast::string_view from) {
  return {from.data(), from.size()};
}

int status_of(const boost::system::error_code& error) {
  if (error == beast::error::bad_version) return 505;
  if (error == beast::error::body_limit) return 413;
  if (error == beast::error::header_limit) return 431;
  return 400;
}

bool same(std::string_view text, std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(text, name, {}, lower);
}
bool is_scheme(std::string_view text, Protocol protocol) {
  return protocol == Protocol::rtsp ? same(text, "rtsp") : same(text, "http") || same(text, "https");
}

bool digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// "#" never comes in a request, spaces end a target, and control octets are refused by the parser.
bool is_clean(std::string_view target) {
  return std::ranges::none_of(target, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet <= 0x20 || octet == 0x7f || octet == '#';
  });
}

}  // namespace

class RequestReader::Parser final : public beast::basic_parser<true> {
 public:
  explicit Parser(const RequestLimits& limits) : protocol_(limits.protocol) {
    header_limit(static_cast<std::uint32_t>(limits.header + kSomeLine.size()));
    body_limit(limits.body);
  }

  Request request;
  int refuse = 0;
  std::string_view target;

  /// After the header: what it says of the connection, and whether all of it together makes a request.
  int check() {
    if (protocol_ == Protocol::rtsp) return check_rtsp();
    request.minor_0 = version_ == 10;
    request.keep_alive = keep_alive();
    request.body = !is_done();
    if (version_ != 10 && version_ != 11) return 505;
    // Another coding than chunked as the last one leaves the length open (RFC 9112 §6.3), and HTTP/1.0 has
    // none.
    if (coded_ && (!chunked() || request.minor_0)) return coded_unknown_ ? 501 : 400;
    if (hosts_ > 1 || (hosts_ == 0 && !request.minor_0)) return 400;
    return take_target();
  }

  /// RTSP's first line, without its end.
  int take_line(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return 400;
    request.method = line.substr(0, first);
    target = line.substr(first + 1, second - first - 1);
    const std::string_view version = line.substr(second + 1);
    const bool token = !request.method.empty() && std::ranges::all_of(request.method, [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
    });
    if (!token || target.empty()) return 400;
    request.rtsp_2 = version == "RTSP/2.0";
    if (request.rtsp_2 || version == "RTSP/1.0") return 0;
    const bool other = version.starts_with("RTSP/") || version.starts_with("HTTP/");
    return other && version.size() == std::string_view("RTSP/1.0").size() ? 505 : 400;
  }

 private:
  using Error = boost::system::error_code;
  using Text = boost::beast::string_view;

  int check_rtsp() {
    request.keep_alive = keep_alive();
    request.body = !is_done();
    if (coded_ || sequences_ != 1) return 400;
    if (!digits(request.sequence) || request.sequence.size() > kMostSequence) return 400;
    return target.starts_with('/') || request.method == "CONNECT" ? 400 : take_target();
  }

  int take_target() {
    if (!is_clean(target)) return 400;
    const auto of_field = parse_authority(host_);
    if (!of_field) return 400;
    std::string_view authority = host_;
    if (request.method == "CONNECT") {
      request.form = TargetForm::authority;
      authority = target;
    } else if (target.starts_with('/')) {
      request.path = target;
    } else if (target == "*") {
      if (request.method != "OPTIONS") return 400;
      request.form = TargetForm::asterisk;
      request.path = target;
    } else {
      const std::size_t colon = target.find("://");
      if (colon == std::string_view::npos || !is_scheme(target.substr(0, colon), protocol_)) return 400;
      request.form = TargetForm::absolute;
      const std::string_view rest = target.substr(colon + 3);
      const std::size_t path = rest.find_first_of("/?");
      authority = rest.substr(0, path);
      // A query without a path is the root's (RFC 9112 §3.2.1), which no view of the octets can say.
      request.path = path == std::string_view::npos ? "/" : rest.substr(path);
      if (authority.empty() || request.path.starts_with('?')) return 400;
    }
    const auto named = parse_authority(authority);
    const bool needless =
        request.minor_0 || (protocol_ == Protocol::rtsp && request.form == TargetForm::asterisk);
    if (!named || (named->host.empty() && !needless)) return 400;
    request.host = named->host;
    request.port = named->port;
    return 0;
  }

  void on_request_impl(beast::verb /*verb*/, Text method, Text sent_target, int version,
                       Error& error) override {
    error = {};
    if (protocol_ == Protocol::rtsp) return;  // it is kSomeLine
    request.method = text(method);
    request.head = request.method == "HEAD";
    target = text(sent_target);
    version_ = version;
  }
  void on_field_impl(beast::field field, Text name, Text value, Error& error) override {
    error = {};
    if (field == beast::field::host && protocol_ == Protocol::http) {
      ++hosts_;
      host_ = text(value);
    } else if (field == beast::field::transfer_encoding) {
      coded_ = true;
      coded_unknown_ = !boost::beast::iequals(value, "chunked");
    } else if (protocol_ == Protocol::rtsp) {
      if (!same(text(name), "cseq")) return;
      ++sequences_;
      request.sequence = text(value);
    } else if (field == beast::field::expect) {
      request.expects = true;
    } else if (field == beast::field::upgrade) {
      request.upgrade = true;
    }
  }
  void on_response_impl(int /*code*/, Text /*reason*/, int /*version*/, Error& error) override { error = {}; }
  void on_header_impl(Error& error) override { error = {}; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/, Error& error) override {
    error = {};
  }
  std::size_t on_body_impl(Text body, Error& error) override {
    error = {};
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t /*size*/, Text /*extensions*/, Error& error) override {
    error = {};
  }
  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, Text body, Error& error) override {
    error = {};
    return body.size();
  }
  void on_finish_impl(Error& error) override { error = {}; }

  Protocol protocol_;
  std::string_view host_;
  int sequences_ = 0;
  int version_ = 0;
  int hosts_ = 0;
  bool coded_ = false;
  bool coded_unknown_ = false;
};

RequestReader::RequestReader(const RequestLimits& limits) : limits_(&limits) {}
RequestReader::RequestReader(RequestReader&&) noexcept = default;
RequestReader& RequestReader::operator=(RequestReader&&) noexcept = default;
RequestReader::~RequestReader() = default;

RequestReader::Progress RequestReader::read(std::string_view data) {
  Progress body;
  if (parser_) {
    body = skip_body(data);
    if (parser_ || body.refuse != 0) return body;
  }
  Progress header = read_header(data.substr(body.consumed));
  header.consumed += body.consumed;
  return header;
}

int RequestReader::parse(Parser& parser, std::string_view header) const {
  boost::system::error_code error;
  if (limits_->protocol == Protocol::rtsp) {
    const std::size_t end = header.find("\r\n");
    if (const int refuse = parser.take_line(header.substr(0, end)); refuse != 0) return refuse;
    (void)parser.put(boost::asio::const_buffer(kSomeLine.data(), kSomeLine.size()), error);
    header.remove_prefix(end + 2);
  }
  (void)parser.put(boost::asio::const_buffer(header.data(), header.size()), error);
  if (error && error != beast::error::need_more) return status_of(error);
  return parser.is_header_done() ? 0 : 400;
}

RequestReader::Progress RequestReader::skip_body(std::string_view data) {
  Progress out;
  const std::size_t least = parser_->chunked() ? kLeastChunk : 1;
  while (!parser_->is_done() && data.size() - out.consumed >= least) {
    boost::system::error_code error;
    // Never more than is looked at for one line, so that the network's pieces make no difference.
    const std::string_view shown = data.substr(out.consumed, limits_->header + 1);
    const std::size_t used = parser_->put(boost::asio::const_buffer(shown.data(), shown.size()), error);
    out.consumed += used;
    if (error == beast::error::need_more) {
      if (used > 0) continue;
      if (shown.size() > limits_->header) out.refuse = 431;  // a chunk's line or the trailer
      return out;
    }
    if (error) {
      out.refuse = status_of(error);
      return out;
    }
    if (used == 0) break;
  }
  if (parser_->is_done()) parser_.reset();
  return out;
}

RequestReader::Progress RequestReader::read_header(std::string_view data) {
  Progress out;
  // Empty lines before a request are ignored (RFC 9112 §2.2).
  while (searched_ == 0 && data.substr(out.consumed).starts_with("\r\n")) out.consumed += 2;
  data.remove_prefix(out.consumed);
  data = data.substr(0, limits_->header + 1);
  if (data == "\r") return out;
  // Each line ends as it should, and none is folded, before anything is parsed: octets that are no HTTP are
  // refused at their first line. What the parser unfolds lies in memory of its own.
  for (std::size_t at = searched_ - std::min<std::size_t>(searched_, 1);
       (at = data.find('\n', at)) != std::string_view::npos; ++at) {
    const bool ends_well = at > 0 && data[at - 1] == '\r';
    if (ends_well && data.substr(0, at + 1).ends_with(kEnd)) break;
    const bool folded = at + 1 < data.size() && (data[at + 1] == ' ' || data[at + 1] == '\t');
    if (ends_well && !folded) continue;
    out.refuse = 400;
    return out;
  }
  const std::size_t end = data.find(kEnd, searched_ < kEnd.size() ? 0 : searched_ - kEnd.size());
  const std::size_t size = end == std::string_view::npos ? data.size() : end + kEnd.size();
  if (size > limits_->header) {
    out.refuse =
        data.substr(0, std::min(size, limits_->header)).find('\n') == std::string_view::npos ? 414 : 431;
    return out;
  }
  if (end == std::string_view::npos) {
    searched_ = data.size();
    return out;
  }
  searched_ = 0;
  Parser parser(*limits_);
  out.consumed += size;
  out.refuse = parse(parser, data.substr(0, size));
  if (out.refuse != 0) return out;
  if (parser.target.size() > limits_->target) {
    out.refuse = 414;
    return out;
  }
  out.refuse = parser.check();
  if (out.refuse != 0) return out;
  const std::size_t line = data.find('\n') + 1;  // the request's own
  parser.request.fields = data.substr(line, size - kEnd.size() / 2 - line);
  out.request = parser.request;
  if (!parser.is_done()) parser_ = std::make_unique<Parser>(std::move(parser));
  return out;
}

}  // namespace flagfall::http
