#include "tools/reload_text.hh"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace flagfall::tools {
namespace {

using nlohmann::json;

std::string harmless(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

/// "  service.web.ttl_bound: 60 -> 120"
void add_lines(const json& all, std::string_view heading, std::string& out) {
  if (!all.is_array() || all.empty()) return;
  out += fmt::format("{}:\n", heading);
  for (const json& one : all) {
    const auto text = [&](const char* name) {
      const auto at = one.is_object() ? one.find(name) : one.end();
      return at == one.end() || !at->is_string() || at->get<std::string>().empty()
                 ? std::string("(not there)")
                 : harmless(at->get<std::string>());
    };
    out += fmt::format("  {}: {} -> {}\n", text("key"), text("before"), text("after"));
  }
}

}  // namespace

Result<std::string> reload_text(const std::string& body) {
  const json told = json::parse(body, nullptr, false);
  if (!told.is_object()) return Error{"the master's answer makes no sense"};
  const bool dry_run = told.value("dry_run", json(false)) == json(true);
  std::string out =
      dry_run ? "all files are good; nothing was changed\n" : "zones and secrets are reloaded\n";
  add_lines(told.value("changed", json()), dry_run ? "would change" : "changed", out);
  add_lines(told.value("needs_restart", json()), "needs a restart", out);
  return out;
}

}  // namespace flagfall::tools
