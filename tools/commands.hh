// The subcommands of `flagfall`. Each add_... puts one (or a family) into the
// command line; when it is the one that is called it runs, and sets the exit
// status: 0 done, 1 not, 2 called wrongly.
#pragma once

namespace CLI {
class App;
}

namespace flagfall::tools {

void add_keygen(CLI::App& app, int& status);
void add_race(CLI::App& app, int& status);
void add_tune(CLI::App& app, int& status);
void add_record(CLI::App& app, int& status);
void add_stats(CLI::App& app, int& status);
void add_director(CLI::App& app, int& status);  // bindings, explain, bind, unbind, drain, undrain
void add_admin(CLI::App& app, int& status);     // status, pause-racing, resume-racing, reload

}  // namespace flagfall::tools
