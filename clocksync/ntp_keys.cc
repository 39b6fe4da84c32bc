#include "clocksync/ntp_keys.hh"

#include <fmt/core.h>
#include <sys/stat.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>

namespace flagfall::clocksync {
namespace {

constexpr std::string_view kBlank = " \t\r";
/// A key file is a few lines; more is some other file.
constexpr std::size_t kLargest = 1 << 20;

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

std::optional<std::vector<std::uint8_t>> decode(std::string_view word) {
  std::vector<std::uint8_t> out;
  if (!word.starts_with("HEX:")) {
    if (word.starts_with("ASCII:")) word.remove_prefix(6);
    return std::vector<std::uint8_t>(word.begin(), word.end());
  }
  word.remove_prefix(4);
  if (word.size() % 2 != 0) return std::nullopt;
  for (; !word.empty(); word.remove_prefix(2)) {
    std::uint8_t octet = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + 2, octet, 16);
    if (error != std::errc() || end != word.data() + 2) return std::nullopt;
    out.push_back(octet);
  }
  return out;
}

std::size_t size_of(std::string_view type) {
  return type == "AES128" ? 16 : type == "AES256" ? 32 : 0;
}

}  // namespace

Result<std::vector<std::uint8_t>> find_ntp_key(std::string_view text, std::uint32_t id,
                                               const std::string& file) {
  for (unsigned number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string_view first = next_word(line);
    if (first.empty() || std::string_view("#!;%").find(first.front()) != std::string_view::npos) continue;
    std::uint32_t found = 0;
    const auto [end, error] = std::from_chars(first.data(), first.data() + first.size(), found);
    if (error != std::errc() || end != first.data() + first.size())
      return Error{fmt::format("{}:{}: a line begins with the key's number", file, number)};
    if (found != id) continue;
    const std::string_view type = next_word(line);
    const std::string_view word = next_word(line);
    const std::size_t wanted = size_of(type);
    if (wanted == 0)
      return Error{
          fmt::format("{}:{}: key {} must be of type AES128 or AES256, as `chronyc keygen {} AES128` makes",
                      file, number, id, id)};
    auto key = decode(word);
    if (!key || key->size() != wanted)
      return Error{fmt::format("{}:{}: an {} key has {} octets, such as HEX: and {} digits", file, number,
                               type, wanted, 2 * wanted)};
    return *std::move(key);
  }
  return Error{fmt::format("{}: no key {}", file, id)};
}

Result<std::vector<std::uint8_t>> read_ntp_key(const std::string& file, std::uint32_t id) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0)
    return Error{fmt::format("NTP keys {}: {}", file, std::system_category().message(errno))};
  if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
    return Error{fmt::format("NTP keys {}: others may read or change them (mode {:04o}); run `chmod 640 {}`",
                             file, status.st_mode & 07777, file)};
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{fmt::format("NTP keys {}: {}", file, std::system_category().message(errno))};
  if (static_cast<std::size_t>(status.st_size) > kLargest)
    return Error{fmt::format("NTP keys {}: this is no key file", file)};
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return find_ntp_key(text, id, file);
}

}  // namespace flagfall::clocksync
