// Any bytes as the query of a request to the admin listener.
#include <cstdint>
#include <cstdlib>

#include "common/base/bytes.hh"
#include "common/net/admin_request.hh"

namespace net = flagfall::net;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto query = net::parse_query(flagfall::as_text({data, size}));
  if (!query) return 0;
  if (query->size() > net::kMostParameters) std::abort();
  for (const auto& [name, value] : *query) {
    if (name.empty() || name.size() > net::kMostParameter || value.size() > net::kMostParameter) std::abort();
    for (const char c : name + value)
      if (static_cast<unsigned char>(c) < 0x20) std::abort();
  }
  return 0;
}
