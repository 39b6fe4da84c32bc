// Where the project's own files are, for tests that read them. Only boost_main.cc knows
// the folder, so that what other files compile to does not depend on it.
#pragma once

#include <string>

namespace flagfall::test {

/// The whole path of a file named from the project's root, for example "docs/admin.md".
std::string source_path(const std::string& from_root);

}  // namespace flagfall::test
