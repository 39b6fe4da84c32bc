// The names under which a lab is known to the system: its network namespaces
// and its files in /run/flagfall-lab.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flagfall::lab {

/// Letters, digits and `_`, at most 20: no `-`, so that a namespace's name splits one way only.
bool valid_lab_name(std::string_view name);
/// Letters, digits, `-` and `_`, at most 30, the first a letter or digit.
bool valid_host_name(std::string_view name);

/// `ff-LAB-HOST`, for ip-netns(8).
std::string namespace_of(std::string_view lab, std::string_view host);
/// The namespace that holds the management network's bridge; no host can have its name.
std::string hub_namespace_of(std::string_view lab);
/// The lab in a namespace's name; none when it is not one of ours.
std::optional<std::string> lab_of_namespace(std::string_view name);

inline constexpr const char* kStateDirectory = "/run/flagfall-lab";
/// Locked (flock) by the lab and its janitor while either lives.
std::string lock_path(std::string_view lab);
/// The Unix socket that takes commands while the lab runs.
std::string control_path(std::string_view lab);

}  // namespace flagfall::lab
