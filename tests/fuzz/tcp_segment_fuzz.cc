// Any packet: a segment whose figures fit the packet, or none.
#include <cstdlib>

#include "common/wire/tcp_segment.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = flagfall::wire::parse_tcp_packet({data, size});
  if (read && (read->sacks > read->sack.size() || read->payload > 0xffff ||
               read->source.ip.family != read->destination.ip.family))
    std::abort();
  return 0;
}
