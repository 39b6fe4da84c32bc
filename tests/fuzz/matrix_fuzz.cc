// Any bytes as a matrix of round trips, and as places: an error of one line, or something that a simulation
// can use.
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "common/base/bytes.hh"
#include "simulate/matrix.hh"
#include "simulate/places.hh"

namespace simulate = flagfall::simulate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = flagfall::as_text(flagfall::Bytes(data, size));
  if (const auto places = simulate::parse_places(text, "file"); !places) {
    assert(!places.error().empty());
  } else {
    assert(!places->sites.empty() && !places->clients.empty());
  }
  const auto matrix = simulate::parse_matrix(text, "file");
  if (!matrix) {
    assert(!matrix.error().empty());
    return 0;
  }
  assert(matrix->slices > 0 && !matrix->rows.empty() && !matrix->columns.empty());
  assert(matrix->ms.size() == matrix->slices * matrix->rows.size() * matrix->columns.size());
  for (const float ms : matrix->ms) assert(ms >= 0 && ms <= 60000);
  return 0;
}
