#include "common/http/response_reader.hh"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>

#include "common/http/fields.hh"

namespace flagfall::http {
namespace {

namespace beast = boost::beast::http;

constexpr std::string_view kEnd = "\r\n\r\n";
/// Shown less at a last chunk's line, Beast 1.74 ends the program by an assertion (see RequestReader).
constexpr std::size_t kLeastChunk = 5;
/// More answers with 1xx than anybody sends before one.
constexpr unsigned kMostInterim = 8;
/// More fields than servers send; each may be looked for in all others.
constexpr unsigned kMostFields = 100;

}  // namespace

class ResponseReader::Parser final : public beast::basic_parser<false> {
 public:
  explicit Parser(std::span<char> content) : room_(content) {
    header_limit(kMostOctets);
    body_limit(content.size());
  }
  [[nodiscard]] unsigned status() const { return static_cast<unsigned>(status_); }
  [[nodiscard]] std::size_t content() const { return content_; }
  /// Its end is told, and in one way (RFC 9112 §6.3).
  [[nodiscard]] bool framed() const {
    if (need_eof() || version_ < 10 || version_ > 11 || lengths_ > 1) return false;
    return !coded_ || (chunked() && only_chunked_ && version_ == 11 && lengths_ == 0);
  }

 private:
  using Error = boost::system::error_code;
  using Text = boost::beast::string_view;

  void on_response_impl(int code, Text /*reason*/, int version, Error& error) override {
    error = {};
    status_ = code;
    version_ = version;
  }
  void on_field_impl(beast::field field, Text /*name*/, Text value, Error& error) override {
    error = {};
    if (field == beast::field::content_length) ++lengths_;
    if (field != beast::field::transfer_encoding) return;
    only_chunked_ = !coded_ && boost::beast::iequals(value, "chunked");
    coded_ = true;
  }
  std::size_t take(Text part, Error& error) {
    error = {};
    if (part.size() > room_.size() - content_) {
      error = beast::error::body_limit;
      return 0;
    }
    std::copy(part.begin(), part.end(), room_.begin() + static_cast<std::ptrdiff_t>(content_));
    content_ += part.size();
    return part.size();
  }
  std::size_t on_body_impl(Text body, Error& error) override { return take(body, error); }
  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, Text body, Error& error) override {
    return take(body, error);
  }
  void on_request_impl(beast::verb /*verb*/, Text /*method*/, Text /*target*/, int /*version*/,
                       Error& error) override {
    error = {};
  }
  void on_header_impl(Error& error) override { error = {}; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/, Error& error) override {
    error = {};
  }
  void on_chunk_header_impl(std::uint64_t /*size*/, Text /*extensions*/, Error& error) override {
    error = {};
  }
  void on_finish_impl(Error& error) override { error = {}; }

  std::span<char> room_;
  std::size_t content_ = 0;
  int status_ = 0;
  int version_ = 0;
  unsigned lengths_ = 0;
  bool coded_ = false;
  bool only_chunked_ = false;
};

struct ResponseReader::Store {
  std::array<char, kMostOctets> octets{};
  std::array<char, kMostContent> content{};
  std::optional<Parser> parser;  // behind a header
};

ResponseReader::ResponseReader() : store_(std::make_unique<Store>()) {}
ResponseReader::~ResponseReader() = default;

void ResponseReader::restart() {
  end_ = begin_ = searched_ = parsed_ = 0;
  interim_ = 0;
  store_->parser.reset();
  response_ = {};
}

std::span<char> ResponseReader::room() {
  return std::span(store_->octets).subspan(end_);
}

ResponseReader::State ResponseReader::received(std::size_t octets) {
  end_ += octets;
  State state = State::more;
  // Each turn takes one answer with 1xx off.
  while (state == State::more && !store_->parser) {
    const std::size_t before = begin_;
    state = read_header();
    if (begin_ == before) break;
  }
  if (state == State::more && store_->parser) state = read_content();
  return state == State::more && end_ == store_->octets.size() ? State::too_long : state;
}

ResponseReader::State ResponseReader::read_header() {
  const std::string_view data(store_->octets.data() + begin_, end_ - begin_);
  for (std::size_t at = searched_; (at = data.find('\n', at)) != std::string_view::npos; ++at)
    if (at == 0 || data[at - 1] != '\r')
      return State::bad;
    else if (data.substr(0, at + 1).ends_with(kEnd))
      break;
  const std::size_t end = data.find(kEnd, searched_ < kEnd.size() ? 0 : searched_ - kEnd.size());
  if (end == std::string_view::npos) {
    searched_ = data.size();
    return State::more;
  }
  searched_ = 0;
  const std::size_t size = end + kEnd.size();
  const std::size_t line = data.find('\n') + 1;
  response_.fields = data.substr(line, end + 2 - line);
  unsigned fields = 0;
  for (std::string_view lines = response_.fields; !lines.empty(); ++fields)
    if (!take_field(lines)) return State::bad;
  if (fields > kMostFields) return State::too_long;
  Parser& parser = store_->parser.emplace(store_->content);
  boost::system::error_code error;
  const std::size_t used = parser.put(boost::asio::const_buffer(data.data(), size), error);
  if (error == beast::error::body_limit) return State::too_long;
  if ((error && error != beast::error::need_more) || used != size || !parser.is_header_done())
    return State::bad;
  response_.status = parser.status();
  if (response_.status >= 200) {
    if (!parser.framed()) return State::bad;
    parsed_ = begin_ + size;
    return State::more;
  }
  if (response_.status < 100 || response_.status == 101 || ++interim_ > kMostInterim) return State::bad;
  store_->parser.reset();
  begin_ += size;
  return State::more;
}

ResponseReader::State ResponseReader::read_content() {
  Parser& parser = *store_->parser;
  const std::size_t least = parser.chunked() ? kLeastChunk : 1;
  while (!parser.is_done() && end_ - parsed_ >= least) {
    boost::system::error_code error;
    const std::size_t used =
        parser.put(boost::asio::const_buffer(store_->octets.data() + parsed_, end_ - parsed_), error);
    parsed_ += used;
    if (error == beast::error::body_limit) return State::too_long;
    if (error && error != beast::error::need_more) return State::bad;
    if (used == 0) break;
  }
  return parser.is_done() ? finish() : State::more;
}

ResponseReader::State ResponseReader::finish() {
  // More than was announced: who reads the same with another length in mind reads something else.
  if (parsed_ != end_) return State::bad;
  const Parser& parser = *store_->parser;
  response_.content = {store_->content.data(), parser.content()};
  response_.keep_alive = parser.keep_alive();
  response_.bodiless = response_.status == 204 || response_.status == 304;
  return State::done;
}

}  // namespace flagfall::http
