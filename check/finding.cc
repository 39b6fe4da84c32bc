#include "check/finding.hh"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace flagfall::check {
namespace {

/// Text of peers and files, on a terminal.
std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

}  // namespace

std::string_view name_of(Grade grade) {
  switch (grade) {
    case Grade::ok:
      return "ok";
    case Grade::skipped:
      return "skipped";
    case Grade::warning:
      return "warning";
    case Grade::problem:
      return "problem";
  }
  return {};
}

std::string finding_text(const Finding& f) {
  std::string out = fmt::format("{:<8} {}: {}\n", name_of(f.grade), printable(f.subject), printable(f.seen));
  if (!f.advice.empty()) out += fmt::format("{:<8} -> {}\n", "", printable(f.advice));
  return out;
}

void Findings::add(Grade grade, std::string subject, std::string seen, std::string advice) {
  all_.push_back({grade, std::move(subject), std::move(seen), std::move(advice)});
  if (told_) told_(all_.back());
}

std::size_t Findings::count(Grade grade) const {
  return static_cast<std::size_t>(std::ranges::count(all_, grade, &Finding::grade));
}

int Findings::exit_status() const {
  if (count(Grade::problem) > 0) return 2;
  return count(Grade::warning) > 0 ? 1 : 0;
}

std::string Findings::summary() const {
  const auto of = [this](Grade grade, const char* word) {
    const std::size_t n = count(grade);
    return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
  };
  return fmt::format("{} ok, {} skipped, {}, {}\n", count(Grade::ok), count(Grade::skipped),
                     of(Grade::warning, "warning"), of(Grade::problem, "problem"));
}

std::string Findings::json(std::string_view what) const {
  using Json = nlohmann::ordered_json;
  Json findings = Json::array();
  for (const Finding& f : all_)
    findings.push_back({{"grade", name_of(f.grade)},
                        {"subject", f.subject},
                        {"seen", f.seen},
                        {"advice", f.advice.empty() ? Json(nullptr) : Json(f.advice)}});
  const Json whole = {{"checked", what},
                      {"ok", count(Grade::ok)},
                      {"skipped", count(Grade::skipped)},
                      {"warnings", count(Grade::warning)},
                      {"problems", count(Grade::problem)},
                      {"findings", std::move(findings)}};
  return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace flagfall::check
