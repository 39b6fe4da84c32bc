#include "lab/commands.hh"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include "lab/control.hh"
#include "lab/hosts.hh"
#include "lab/names.hh"
#include "lab/state.hh"
#include "lab/topology_file.hh"

namespace flagfall::lab {

namespace {

void print_line(const std::string& line) {
  std::printf("%s\n", line.c_str());
}

Result<int> stop_running(const std::string& lab, pid_t pid) {
  if (pid > 0) ::kill(pid, SIGTERM);
  constexpr int kTries = 500;
  for (int i = 0; i < kTries; ++i) {
    if (!running_lab(lab)) return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return Error{"lab '" + lab + "' (process " + std::to_string(pid) +
               ") does not end; its command still runs"};
}

}  // namespace

Result<std::string> resolve_lab(const std::string& lab_or_file) {
  if (valid_lab_name(lab_or_file)) return lab_or_file;
  const Result<Topology> topology = load_topology(lab_or_file);
  if (!topology) return Error{topology.error()};
  return topology->lab;
}

Result<int> exec_in_host(const std::string& lab_or_file, const std::string& host,
                         const std::vector<std::string>& command) {
  const Result<std::string> lab = resolve_lab(lab_or_file);
  if (!lab) return Error{lab.error()};
  if (command.empty()) return Error{"no command: flagfall-lab exec LAB HOST -- COMMAND"};
  const std::string name = namespace_of(*lab, host);
  const std::vector<std::string> there = namespaces_of(*lab);
  if (there.empty()) return Error{"lab '" + *lab + "' is not up; flagfall-lab list shows those that are"};
  if (std::find(there.begin(), there.end(), name) == there.end())
    return Error{"lab '" + *lab + "' has no host '" + host + "'"};
  std::vector<std::string> argv{"ip", "netns", "exec", name};
  argv.insert(argv.end(), command.begin(), command.end());
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (std::string& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  ::execvp(words[0], words.data());
  return Error{std::string("cannot run ip: ") + std::strerror(errno)};
}

Result<int> list_labs() {
  for (const std::string& lab : known_labs()) {
    const auto pid = running_lab(lab);
    std::string line = lab + "  dead, flagfall-lab clean removes it";
    if (pid) line = lab + (*pid > 0 ? "  running, process " + std::to_string(*pid) : "  ending");
    const std::string prefix = namespace_of(lab, "");
    for (const std::string& name : namespaces_of(lab))
      if (name != hub_namespace_of(lab)) line += "  " + name.substr(prefix.size());
    print_line(line);
  }
  return 0;
}

Result<int> clean_labs(const std::string& lab_or_file) {
  if (::geteuid() != 0) return Error{"must be run as root: it removes network namespaces"};
  if (lab_or_file.empty()) {
    for (const std::string& lab : known_labs())
      if (!running_lab(lab)) clean(lab);
    return 0;
  }
  const Result<std::string> lab = resolve_lab(lab_or_file);
  if (!lab) return Error{lab.error()};
  if (const auto pid = running_lab(*lab)) return stop_running(*lab, *pid);
  clean(*lab);
  return 0;
}

Result<int> tell_lab(const std::string& lab_or_file, const std::string& line) {
  const Result<std::string> lab = resolve_lab(lab_or_file);
  if (!lab) return Error{lab.error()};
  const Result<std::string> answer = ask(control_path(*lab), line);
  if (!answer) return Error{answer.error()};
  std::fputs(answer->c_str(), stdout);
  return 0;
}

}  // namespace flagfall::lab
