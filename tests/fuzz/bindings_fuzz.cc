// What a master sends about bindings, as text and as CSV; a file of bindings; and records as masters share
// them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>

#include "director/store/record_text.hh"
#include "tools/bindings_import.hh"
#include "tools/bindings_text.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace tools = flagfall::tools;
  namespace director = flagfall::director;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto piece = tools::parse_bindings(text)) {
    (void)tools::bindings_text(piece->bindings, 1'795'255'320);
    for (const auto& one : piece->bindings) (void)tools::bindings_csv_line(one);
  }
  (void)tools::explain_text(text);
  std::stringstream file{std::string(text)};
  (void)tools::import_bindings(file, [](const std::string& body) -> flagfall::Status {
    if (body.size() > 65'536) std::abort();
    return flagfall::Ok{};
  });
  const std::size_t half = text.find('\n');
  if (half == std::string_view::npos) return 0;
  const auto shared = director::parse_record(text.substr(0, half), text.substr(half + 1));
  if (!shared) return 0;
  // What is read is written so that it is read as the same.
  const auto key = director::key_of(shared->record);
  const auto again = director::parse_record(
      director::field_of(key), director::value_of(shared->version, director::state_of(shared->record)));
  if (!again || again->version != shared->version || again->record != shared->record) std::abort();
  return 0;
}
