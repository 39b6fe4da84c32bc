// `flagfall check` and `flagfall borders`: their command lines.
#pragma once

namespace CLI {
class App;
}

namespace flagfall::check {

/// Puts it into the command line; when it is called it runs, and sets the exit status: 0 all is well, 1 there
/// are warnings, 2 there are problems, 3 nothing could be checked.
void add_check(CLI::App& app, int& status);

/// `flagfall borders`: 0 printed, 1 something is missing in the configuration.
void add_borders(CLI::App& app, int& status);

}  // namespace flagfall::check
