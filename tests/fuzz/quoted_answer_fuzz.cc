// What ICMP errors quote: any cut of the same bytes never gives more than the whole.
#include <algorithm>
#include <cstdlib>

#include "common/wire/quoted_answer.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flagfall;  // NOLINT(google-build-using-namespace)
  const Bytes input(data, size);
  const auto whole = wire::parse_quoted_answer(input);
  const auto cut = wire::parse_quoted_answer(input.first(size / 2));
  if (whole && (whole->count == 0 || whole->count > wire::QuotedAnswer::kMost || whole->name_length == 0))
    std::abort();
  if (cut && (!whole || cut->count > whole->count || cut->id != whole->id ||
              !std::ranges::equal(cut->name_bytes(), whole->name_bytes()) ||
              !std::ranges::equal(cut->all(), whole->all().first(cut->count))))
    std::abort();
  return 0;
}
