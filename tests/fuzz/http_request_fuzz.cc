// Any octets of a connection: the reader ends or asks for more, what it hands out keeps its promises, and it
// is the same in whatever pieces the octets come.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/request_reader.hh"

namespace http = flagfall::http;

namespace {

const http::RequestLimits kLimits{.header = 512, .target = 128, .body = 4096};
const http::RequestLimits kRtsp{.header = 512, .target = 128, .body = 4096, .protocol = http::Protocol::rtsp};

void require(bool good) {
  if (!good) std::abort();
}

bool visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet > 0x20 && octet != 0x7f;
  });
}

struct Seen {
  std::vector<std::string> requests;
  int refuse = 0;
  bool operator==(const Seen&) const = default;
};

bool is_sequence(std::string_view text) {
  return !text.empty() && text.size() <= 10 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Seen read(std::string_view octets, std::size_t step, bool rtsp) {
  http::RequestReader reader(rtsp ? kRtsp : kLimits);
  Seen out;
  std::string waiting;
  for (std::size_t at = 0; at < octets.size(); at += step) {
    waiting += octets.substr(at, step);
    for (;;) {
      const auto got = reader.read(waiting);
      require(got.consumed <= waiting.size());
      require(!(got.request && got.refuse != 0));
      if (got.request) {
        require(visible(got.request->method) && visible(got.request->path) && visible(got.request->host));
        require(!got.request->host.empty() || got.request->minor_0 || (rtsp && got.request->path == "*"));
        require(rtsp ? is_sequence(got.request->sequence) : got.request->sequence.empty());
        require(got.request->path.size() <= kLimits.target);
        out.requests.push_back(std::string(got.request->method) + ' ' + std::string(got.request->host) + ' ' +
                               std::string(got.request->path));
      }
      waiting.erase(0, got.consumed);
      out.refuse = got.refuse;
      if (got.refuse != 0) return out;
      if (!got.request) break;
    }
    require(waiting.size() <= kLimits.header + step);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool rtsp = (data[0] & 64U) != 0;
  require(read(octets, octets.size(), rtsp) == read(octets, 1U + data[0] % 64, rtsp));
  return 0;
}
