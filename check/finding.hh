// What a check found: one or two lines each, and the exit status of all. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace flagfall::check {

enum class Grade : std::uint8_t {
  ok,
  skipped,  // could not be looked at from here; says nothing
  warning,  // works, but worse than it could, or not for long
  problem,  // does not work
};
std::string_view name_of(Grade grade);

struct Finding {
  Grade grade = Grade::ok;
  std::string subject;  // "clock", "port 192.0.2.1:53"
  std::string seen;     // what was found, one line
  std::string advice;   // what to do; empty when ok
};

/// "problem  clock: chronyd does not answer" and, below it, "         -> start it".
std::string finding_text(const Finding& finding);

class Findings {
 public:
  /// `told`: called with each as it is found, for who waits; may be empty.
  explicit Findings(std::function<void(const Finding&)> told = {}) : told_(std::move(told)) {}

  void ok(std::string subject, std::string seen) { add(Grade::ok, std::move(subject), std::move(seen), {}); }
  void skipped(std::string subject, std::string seen, std::string advice) {
    add(Grade::skipped, std::move(subject), std::move(seen), std::move(advice));
  }
  void warning(std::string subject, std::string seen, std::string advice) {
    add(Grade::warning, std::move(subject), std::move(seen), std::move(advice));
  }
  void problem(std::string subject, std::string seen, std::string advice) {
    add(Grade::problem, std::move(subject), std::move(seen), std::move(advice));
  }

  [[nodiscard]] const std::vector<Finding>& all() const { return all_; }
  [[nodiscard]] std::size_t count(Grade grade) const;
  /// As Nagios has it: 0 all is well, 1 there are warnings, 2 there are problems.
  [[nodiscard]] int exit_status() const;
  /// "12 ok, 1 skipped, 0 warnings, 2 problems"
  [[nodiscard]] std::string summary() const;
  /// One object: what was checked, counts, and all findings.
  [[nodiscard]] std::string json(std::string_view what) const;

 private:
  void add(Grade grade, std::string subject, std::string seen, std::string advice);
  std::function<void(const Finding&)> told_;
  std::vector<Finding> all_;
};

}  // namespace flagfall::check
