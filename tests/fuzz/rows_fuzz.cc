// Any bytes as recorded rows, or as a master's answer to GET /rows: an error of
// one line, or rows that a tune can be computed and told from. What was read,
// written again and read, says the same.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "common/base/bytes.hh"
#include "delay/tune_json.hh"

namespace delay = flagfall::delay;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = flagfall::as_text(flagfall::Bytes(data, size));
  (void)delay::parse_what_if(text.substr(0, 64));
  delay::RowsReader reader;
  bool cut = false;
  if (const flagfall::Status read = delay::read_rows(text, reader, cut); !read) {
    assert(!read.error().empty());
    if (reader.header() == nullptr) return 0;
  }
  const delay::NeedsTable& table = reader.table();
  delay::TuneOptions options = delay::tune_options(*reader.header());
  options.curve_points = 10;
  const delay::Tune tune = delay::tune(table, options);
  assert((tune.recommended() != nullptr) == (tune.races > 0));
  (void)delay::tune_json(tune, *reader.header())
      .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);

  std::string again;
  delay::write_header(again, *reader.header());
  for (std::size_t i = 0; i < table.races(); ++i)
    delay::write_row(again, flagfall::RealTime(), i, table.race(i));
  delay::RowsReader second;
  const flagfall::Status good = delay::read_rows(again, second, cut);
  assert(good.ok() && !cut);
  assert(second.header()->slaves == reader.header()->slaves && second.table().races() == table.races());
  for (std::size_t i = 0; i < table.races(); ++i)
    for (std::size_t s = 0; s < table.slaves(); ++s) assert(second.table().race(i)[s] == table.race(i)[s]);
  return 0;
}
