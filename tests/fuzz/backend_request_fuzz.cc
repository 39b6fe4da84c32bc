// Any request of a web client: what a site's server is asked for it is one GET of the same path, which ends
// with its header, whoever reads it; and it is not passed on twice.
#include <cstdlib>
#include <string_view>
#include <vector>

#include "common/http/backend_request.hh"
#include "common/http/request_reader.hh"

namespace {

const flagfall::http::RequestLimits kLimits;

void require(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flagfall;  // NOLINT(google-build-using-namespace)
  http::RequestReader reader(kLimits);
  const auto got = reader.read({reinterpret_cast<const char*>(data), size});
  if (!got.request) return 0;
  static const IpAddress client = *parse_ip("203.0.113.9");
  std::vector<std::uint8_t> room(1000);
  ByteWriter out(room);
  if (!http::write_backend_request(*got.request, "www.example.test", client, out)) return 0;
  const std::string_view text = as_text(out.written());
  require(http::is_backend_request(text));
  http::RequestReader server(kLimits);
  const auto read = server.read(text);
  require(read.request.has_value() && read.consumed == text.size() && server.idle());
  require(read.request->method == "GET" && !read.request->body && !read.request->expects &&
          !read.request->minor_0);
  require(read.request->host == "www.example.test" && read.request->port == got.request->port);
  require(read.request->path.starts_with('/') && !read.request->path.starts_with("//"));
  require(got.request->path.ends_with(read.request->path));
  std::vector<std::uint8_t> again(2000);
  ByteWriter second(again);
  require(!http::write_backend_request(*read.request, "www.example.test", client, second));
  return 0;
}
