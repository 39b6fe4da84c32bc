#include "sim/schedules.hh"

#include <fmt/format.h>

#include "sim/resolver.hh"

namespace flagfall::sim {
namespace {

double in_seconds(Nanos n) {
  return static_cast<double>(n.count()) * 1e-9;
}

std::string of(const ResolverStyle& style, std::size_t servers) {
  const Schedule schedule = silent_schedule(style, servers, 1);
  std::string tries;
  for (const Nanos t : schedule.tries)
    tries += fmt::format("{}{:.3f}", tries.empty() ? "" : ", ", in_seconds(t));
  return fmt::format(R"("{}": {{"tries": [{}], "gives_up": {:.3f}}})", servers, tries,
                     in_seconds(schedule.gives_up));
}

}  // namespace

std::string schedules_json() {
  std::string out;
  for (const ResolverStyle& style : kResolverStyles)
    out += fmt::format("{}  \"{}\": {{{}, {}}}", out.empty() ? "" : ",\n", style.name, of(style, 1),
                       of(style, 2));
  return "{\n" + out + "\n}\n";
}

}  // namespace flagfall::sim
