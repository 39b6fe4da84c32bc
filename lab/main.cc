// flagfall-lab: several hosts with real delays between them, on one machine.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <span>

#include "lab/commands.hh"
#include "lab/names.hh"
#include "lab/run.hh"
#include "lab/topology_file.hh"

namespace {

using flagfall::Result;
namespace lab = flagfall::lab;

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += " " + word;
  return out;
}

int finish(const Result<int>& result) {
  if (result) return *result;
  std::fprintf(stderr, "flagfall-lab: %s\n", result.error().c_str());
  return 1;
}

struct Arguments {
  std::string topology, name, where, host, from, to;
  std::vector<std::string> changes;
  std::optional<std::uint64_t> seed;
  bool one_way = false;
  lab::RunOptions options;
};

int run_topology(const Arguments& arguments) {
  Result<lab::Topology> topology = lab::load_topology(arguments.topology);
  if (!topology) return finish(flagfall::Error{topology.error()});
  if (!arguments.name.empty()) topology->lab = arguments.name;
  if (!lab::valid_lab_name(topology->lab))
    return finish(flagfall::Error{"--name must be 1 to 20 letters, digits or '_'"});
  if (arguments.seed) topology->seed = *arguments.seed;
  return lab::run(*topology, arguments.options);
}

int run_program(std::vector<std::string> words, std::vector<std::string> command) {
  Arguments a;
  CLI::App app("Several hosts with real delays between them, on one machine", "flagfall-lab");
  app.set_version_flag("--version", FLAGFALL_VERSION);
  app.footer("flagfall-lab TOPOLOGY.toml [options] [-- COMMAND...] makes a lab; see flagfall-lab(8).");
  app.add_option("TOPOLOGY", a.topology, "The lab's hosts and links, a TOML file");
  app.add_option("--capture", a.options.capture, "Write every packet as it reaches its host (pcap, ns)");
  app.add_option("--capture-sent", a.options.capture_sent, "Write every packet as it leaves its host");
  app.add_option("--seed", a.seed, "Another seed than the topology's");
  app.add_option("--name", a.name, "Another name than the topology's, to have it twice");
  app.add_flag("--stats", a.options.stats, "At the end, say what became of the packets");

  auto* const exec = app.add_subcommand("exec", "Run a command in a host: exec LAB HOST -- COMMAND...");
  exec->add_option("LAB", a.where)->required();
  exec->add_option("HOST", a.host)->required();
  auto* const list = app.add_subcommand("list", "Labs that run, and what dead ones left");
  auto* const clean = app.add_subcommand("clean", "Stop and remove a lab; without LAB, what dead ones left");
  clean->add_option("LAB", a.where);
  auto* const stats = app.add_subcommand("stats", "What a running lab did so far, as JSON");
  stats->add_option("LAB", a.where)->required();
  auto* const link = app.add_subcommand("link", "Change a link: link LAB FROM TO KEY=VALUE...");
  link->add_flag("--one-way", a.one_way, "Only what goes from FROM to TO");
  link->add_option("LAB", a.where)->required();
  link->add_option("FROM", a.from)->required();
  link->add_option("TO", a.to)->required();
  link->add_option("CHANGE", a.changes, "delay=20ms loss=0.02 ...")->required();

  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  if (*exec) return finish(lab::exec_in_host(a.where, a.host, command));
  if (*list) return finish(lab::list_labs());
  if (*clean) return finish(lab::clean_labs(a.where));
  if (*stats) return finish(lab::tell_lab(a.where, "stats"));
  if (*link)
    return finish(lab::tell_lab(
        a.where, (a.one_way ? "link-one-way " : "link ") + a.from + " " + a.to + joined(a.changes)));
  if (a.topology.empty()) return finish(flagfall::Error{"which topology? flagfall-lab --help"});
  a.options.command = std::move(command);
  return run_topology(a);
}

}  // namespace

int main(int argc, char** argv) {
  // What follows `--` is the command's own.
  const std::span<char*> all(argv, static_cast<std::size_t>(argc));
  const auto dashes = std::find_if(all.begin() + 1, all.end(),
                                   [](const char* word) { return std::string_view(word) == "--"; });
  try {
    return run_program({all.begin() + 1, dashes}, {dashes == all.end() ? dashes : dashes + 1, all.end()});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagfall-lab: %s\n", error.what());
    return 1;
  }
}
