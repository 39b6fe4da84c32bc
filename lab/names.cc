#include "lab/names.hh"

#include <algorithm>

namespace flagfall::lab {

namespace {

constexpr std::string_view kPrefix = "ff-";
constexpr std::string_view kHub = ".hub";

bool letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool valid_lab_name(std::string_view name) {
  return !name.empty() && name.size() <= 20 &&
         std::all_of(name.begin(), name.end(), [](char c) { return letter_or_digit(c) || c == '_'; });
}

bool valid_host_name(std::string_view name) {
  return !name.empty() && name.size() <= 30 && letter_or_digit(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return letter_or_digit(c) || c == '_' || c == '-'; });
}

std::string namespace_of(std::string_view lab, std::string_view host) {
  return std::string(kPrefix).append(lab).append("-").append(host);
}

std::string hub_namespace_of(std::string_view lab) {
  return namespace_of(lab, kHub);
}

std::optional<std::string> lab_of_namespace(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  const std::size_t dash = name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view lab = name.substr(0, dash), host = name.substr(dash + 1);
  if (!valid_lab_name(lab) || (!valid_host_name(host) && host != kHub)) return std::nullopt;
  return std::string(lab);
}

std::string lock_path(std::string_view lab) {
  return std::string(kStateDirectory).append("/").append(lab).append(".lock");
}

std::string control_path(std::string_view lab) {
  return std::string(kStateDirectory).append("/").append(lab).append(".sock");
}

}  // namespace flagfall::lab
