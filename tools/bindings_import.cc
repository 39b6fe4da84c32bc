#include "tools/bindings_import.hh"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/json_at.hh"

namespace flagfall::tools {
namespace {

/// Eight servers of 255 octets, and the rest of a binding.
constexpr std::size_t kMostLine = 8192;

/// Up to a line's end, but not more than fits: a line without end must not fill the memory. False: the end.
bool next_line(std::istream& file, std::string& line) {
  line.clear();
  int c = file.get();
  if (c == std::char_traits<char>::eof()) return false;
  for (; c != '\n' && c != std::char_traits<char>::eof() && line.size() <= kMostLine; c = file.get())
    line += static_cast<char>(c);
  return true;
}

}  // namespace

Result<std::uint64_t> import_bindings(std::istream& file,
                                      const std::function<Status(const std::string&)>& post) {
  std::uint64_t done = 0;
  std::uint64_t waiting = 0;
  std::uint64_t number = 0;
  std::string body;
  const auto flush = [&]() -> Status {
    if (waiting == 0) return Ok{};
    if (const Status posted = post("{\"bindings\":[" + body + "]}"); !posted)
      return Error{fmt::format("{} bindings were taken, then: {}", done, posted.error())};
    done += waiting;
    waiting = 0;
    body.clear();
    return Ok{};
  };
  for (std::string line; next_line(file, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json_at(json, "prefix").is_string() || !json_at(json, "servers").is_array())
      return Error{fmt::format("line {}: not a JSON object with a prefix and servers", number)};
    if (body.size() + line.size() + 20 > kMostImport)
      if (const Status flushed = flush(); !flushed) return Error{flushed.error()};
    body += (body.empty() ? "" : ",") + line;
    ++waiting;
  }
  if (const Status flushed = flush(); !flushed) return Error{flushed.error()};
  return done;
}

}  // namespace flagfall::tools
