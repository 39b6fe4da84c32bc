// Any octets of a web client: what it is answered is whole responses and nothing else, a redirect leads to a
// configured host and nowhere else, and it is the same in whatever pieces the octets come.
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/unit/master/http_fixture.hh"

namespace {

using flagfall::master::HttpStream;

void require(bool good) {
  if (!good) std::abort();
}

/// The rest after `front`, which must be there.
std::string_view after(std::string_view text, std::string_view front) {
  require(text.starts_with(front));
  return text.substr(front.size());
}

void check_location(std::string_view uri, bool rtsp) {
  require(std::ranges::all_of(uri, [](char c) { return c > 0x20 && c < 0x7f; }));
  const std::string_view rest = after(uri, rtsp ? "rtsp://" : "http://");
  const std::string_view host = rest.substr(0, rest.find('/'));
  require(host == "fra.example.test" || host == "nyc.example.test" || host == "sin.example.test");
  const std::string_view path = rest.substr(host.size());
  require(path.starts_with('/') && !path.starts_with("//"));
}

/// One response off the front. `head`: without content, whatever its length says.
std::string_view take(std::string_view text, bool rtsp) {
  const bool second = text.starts_with("RTSP/2.0 ");
  text = after(text, rtsp ? second ? "RTSP/2.0 " : "RTSP/1.0 " : "HTTP/1.1 ");
  int status = 0;
  require(std::from_chars(text.data(), text.data() + std::min<std::size_t>(3, text.size()), status).ec ==
          std::errc());
  require(std::ranges::find(flagfall::master::kHttpStatuses, status) !=
          flagfall::master::kHttpStatuses.end());
  const std::size_t end = text.find("\r\n\r\n");
  require(end != std::string_view::npos);
  std::string_view fields = text.substr(0, end + 2);
  std::size_t length = 0, lengths = 0, locations = 0;
  while (!fields.empty()) {
    const std::size_t line_end = fields.find("\r\n");
    const std::string_view line = fields.substr(0, line_end);
    require(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    if (line.starts_with("Content-Length: ")) {
      ++lengths;
      const std::string_view digits = line.substr(16);
      require(std::from_chars(digits.data(), digits.data() + digits.size(), length).ec == std::errc());
    }
    if (line.starts_with("Location: ")) {
      ++locations;
      check_location(line.substr(10), rtsp);
    }
    fields.remove_prefix(line_end + 2);
  }
  require(lengths == 1 && locations == (status / 100 == 3 ? 1U : 0U));
  text.remove_prefix(end + 4);
  // Of HEAD nothing follows; no content of ours begins as a response does.
  if (text.size() < length || text.starts_with("HTTP/1.1 ") || text.starts_with("RTSP/")) return text;
  return text.substr(length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static flagfall::test::HttpScene http;
  static flagfall::test::HttpScene rtsp(nullptr, flagfall::master::WebScheme::rtsp);
  const bool is_rtsp = (data[0] & 128U) != 0;
  flagfall::test::HttpScene& scene = is_rtsp ? rtsp : http;
  scene.client.octets[0] = (data[0] & 64U) != 0 ? 198 : 9;  // bound, or not; nobody else's lot is drawn
  const std::string_view octets(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::string answers = scene.said(octets);
  std::string_view left = answers;
  while (!left.empty()) left = take(left, is_rtsp);
  const std::string pieces = scene.said(octets, 1U + data[0] % 64);
  if (scene.client.octets[0] == 198) require(pieces == answers);
  return 0;
}
