// Takes one answer out of the octets of a server (RFC 9112), by Boost.Beast's parser: a final status, its
// fields and its content, as far as a small buffer holds them. What two readers could understand differently
// is refused (bare LF, folded lines, two lengths, a length beside chunks), and so is content that only the
// connection's end ends. Pure; allocates nothing after construction.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace flagfall::http {

struct Response {
  unsigned status = 0;
  std::string_view fields{};   // its field lines, each with its end of line: take_field() reads them all
  std::string_view content{};  // without its coding as chunks
  bool keep_alive = false;     // the connection can be used again
  bool bodiless = false;       // of a status that has no content (204, 304)
};

class ResponseReader {
 public:
  /// Content above this is too long.
  static constexpr std::size_t kMostContent = 1280;
  /// And so are a header, or chunks with their lines, of so many octets together.
  static constexpr std::size_t kMostOctets = 8192;

  ResponseReader();
  ~ResponseReader();
  ResponseReader(const ResponseReader&) = delete;
  ResponseReader& operator=(const ResponseReader&) = delete;
  ResponseReader(ResponseReader&&) = delete;
  ResponseReader& operator=(ResponseReader&&) = delete;

  enum class State : std::uint8_t {
    more,      // octets are missing
    done,      // response() is there, and nothing has come behind it
    too_long,  // for the buffers
    bad        // no answer that can be passed on
  };
  /// The next answer's first octet comes next.
  void restart();
  /// Where octets go; not empty while more are wanted.
  [[nodiscard]] std::span<char> room();
  /// So many were put there.
  State received(std::size_t octets);

  /// Once it is done(), until restart().
  [[nodiscard]] const Response& response() const { return response_; }
  /// Not one octet of an answer has come.
  [[nodiscard]] bool idle() const { return end_ == 0; }

 private:
  class Parser;
  struct Store;
  State read_header();
  State read_content();
  [[nodiscard]] State finish();

  std::unique_ptr<Store> store_;
  std::size_t end_ = 0;       // of what came
  std::size_t begin_ = 0;     // of the answer that counts, behind those with 1xx
  std::size_t searched_ = 0;  // octets of an incomplete header without its end,
  std::size_t parsed_ = 0;    // and of the content that the parser has had
  unsigned interim_ = 0;      // answers with 1xx
  Response response_;
};

}  // namespace flagfall::http
