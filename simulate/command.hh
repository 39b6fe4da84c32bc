// `flagfall simulate`: its command line, and what is printed where.
#pragma once

namespace CLI {
class App;
}

namespace flagfall::simulate {

void add_simulate(CLI::App& app, int& status);

}  // namespace flagfall::simulate
