// The commands that deal with labs from outside: exec, list, clean, link, stats.
// Each returns the program's exit status, or one line that says what to do.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.hh"

namespace flagfall::lab {

/// The lab's name in `lab_or_file`: a name, or a topology file that has it.
Result<std::string> resolve_lab(const std::string& lab_or_file);

/// Becomes `command` inside a host; returns only when that fails.
Result<int> exec_in_host(const std::string& lab_or_file, const std::string& host,
                         const std::vector<std::string>& command);
/// A line for each lab: name, state, hosts.
Result<int> list_labs();
/// Stops and removes one lab, or removes what all dead labs left.
Result<int> clean_labs(const std::string& lab_or_file);
/// Sends a line to a lab's control socket and prints the answer.
Result<int> tell_lab(const std::string& lab_or_file, const std::string& line);

}  // namespace flagfall::lab
