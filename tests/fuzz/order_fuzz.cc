// Orders: whatever reads back without a fault is written again as the same bytes.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "common/wire/order.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flagfall;  // NOLINT(google-build-using-namespace)
  const Bytes input(data, size);
  wire::OrderReader reader(input);
  std::vector<std::uint8_t> room(std::max(size, wire::kOrdersHeader));
  wire::OrderWriter writer(room, reader.sent());
  wire::Order order;
  while (reader.next(order))
    if (!writer.add(order)) std::abort();
  if (reader.ok() && !std::ranges::equal(Bytes(room).first(writer.size()), input)) std::abort();
  return 0;
}
