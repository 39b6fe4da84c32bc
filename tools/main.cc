// flagfall: the operator's command.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "check/command.hh"
#include "simulate/command.hh"
#include "tools/commands.hh"

namespace {

int run(int argc, char** argv) {
  CLI::App app("The operator's command of flagfall", "flagfall");
  app.set_version_flag("--version", "flagfall " FLAGFALL_VERSION, "Print the version and end");
  app.require_subcommand(1);
  int status = 0;
  flagfall::tools::add_keygen(app, status);
  flagfall::tools::add_race(app, status);
  flagfall::tools::add_stats(app, status);
  flagfall::tools::add_tune(app, status);
  flagfall::tools::add_record(app, status);
  flagfall::tools::add_director(app, status);
  flagfall::tools::add_admin(app, status);
  flagfall::check::add_check(app, status);
  flagfall::check::add_borders(app, status);
  flagfall::simulate::add_simulate(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "flagfall: " << error.what() << '\n';
    return 1;
  }
}
