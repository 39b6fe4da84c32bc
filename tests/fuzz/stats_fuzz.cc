// Statistics as `flagfall stats` gets them: the time that a person writes, and the
// JSON that a master sends, as text and as CSV.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "stats/since.hh"
#include "tools/stats_text.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::int64_t kNow = 1'795'255'200;
  if (const auto since = flagfall::stats::parse_since(text, kNow))
    if (!flagfall::stats::parse_since(flagfall::stats::time_text(*since), kNow) && *since >= 0) std::abort();
  for (const bool benefit : {false, true}) (void)flagfall::tools::stats_text(text, benefit);
  (void)flagfall::tools::stats_csv(text);
  return 0;
}
