#include "tools/rows_source.hh"

#include <fmt/format.h>

#include <cctype>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

namespace flagfall::tools {
namespace {

/// More pieces than any master remembers; one that sends rows without end is not waited for.
constexpr int kMostPieces = 1000;

}  // namespace

std::string url_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    const bool plain = octet < 0x80 && (std::isalnum(octet) != 0 ||
                                        std::string_view("-._~").find(c) != std::string_view::npos);
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", octet);
  }
  return out;
}

std::string rows_path(const std::string& service, std::uint64_t after, std::uint64_t instance) {
  return fmt::format("/rows?service={}&after={}&instance={:016x}", url_encoded(service), after, instance);
}

std::string rows_path_from_now(const std::string& service) {
  return fmt::format("/rows?service={}&after=now", url_encoded(service));
}

Result<Rows> rows_from_master(const std::string& service, const Fetch& fetch) {
  Rows out;
  std::uint64_t after = 0, instance = 0;
  for (int piece = 0; piece < kMostPieces; ++piece) {
    const auto body = fetch(rows_path(service, after, instance));
    if (!body) return Error{body.error()};
    bool cut = false;
    if (const Status good = delay::read_rows(*body, out.reader, cut); !good)
      return Error{fmt::format("the master's rows: {}", good.error())};
    if (cut) return Error{"the master's rows: the answer ends in the middle of a line"};
    const delay::RowsHeader& header = *out.reader.header();
    if (header.next == after && header.instance == instance) return out;
    after = header.next;
    instance = header.instance;
  }
  return Error{"the master's rows do not end"};
}

Result<Rows> rows_from_file(const std::string& path, const std::string& service) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open())
    return Error{fmt::format("{}: {}", path, std::generic_category().message(errno == 0 ? EIO : errno))};
  Rows out;
  std::string line;
  for (std::size_t number = 1;; ++number) {
    line.clear();
    // Not getline: a line without end must not fill the memory.
    int c = file.get();
    for (; c != '\n' && c != std::char_traits<char>::eof() && line.size() <= delay::kMostRowLine;
         c = file.get())
      line += static_cast<char>(c);
    if (c == std::char_traits<char>::eof()) {
      if (file.bad()) return Error{fmt::format("{}: it cannot be read", path)};
      out.cut = !line.empty();
      break;
    }
    if (const Status good = out.reader.line(line); !good)
      return Error{fmt::format("{}:{}: {}", path, number, good.error())};
  }
  const delay::RowsHeader* header = out.reader.header();
  if (header == nullptr)
    return Error{fmt::format("{}: no header: this is no file of rows, or it was cut off at once", path)};
  if (!service.empty() && header->service != service)
    return Error{
        fmt::format("{}: its rows are of service '{}', not of '{}'", path, header->service, service)};
  return out;
}

}  // namespace flagfall::tools
