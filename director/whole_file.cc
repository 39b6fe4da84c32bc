#include "director/whole_file.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace flagfall::director {

Result<std::string> read_whole_file(const std::string& path, std::size_t most) {
  const auto wrong = [&] {
    return Error{fmt::format("{}: cannot be read: {}", path, std::generic_category().message(errno))};
  };
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed))
    return Error{fmt::format("{}: is a folder, not a file", path)};
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return wrong();
  std::string text;
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  while (in && text.size() <= most) {
    const std::size_t before = text.size();
    text.resize(before + std::min(kPiece, most + 1 - before));
    in.read(text.data() + before, static_cast<std::streamsize>(text.size() - before));
    text.resize(before + static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) return wrong();
  if (text.size() > most) return Error{fmt::format("{}: larger than {} octets", path, most)};
  return text;
}

}  // namespace flagfall::director
