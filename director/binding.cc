#include "director/binding.hh"

#include <fmt/core.h>

namespace flagfall::director {

std::string to_text(const Reason& reason) {
  std::string out(kCauseNames.at(static_cast<std::size_t>(reason.cause)));
  if (reason.pieces == 0) return out;
  if (reason.kind == Kind::race) {
    out += fmt::format(": {} of {} races won", reason.agreeing, reason.pieces);
    if (reason.advantage > 0) out += fmt::format(", {:.1f} ms before the next", reason.advantage * 1e3);
    return out;
  }
  out += fmt::format(": {} of {} {} figures", reason.agreeing, reason.pieces,
                     kKindNames.at(static_cast<std::size_t>(reason.kind)));
  if (reason.advantage > 0) {
    out += more_is_better(reason.kind) ? fmt::format(", {:.2f} times the next", reason.advantage)
                                       : fmt::format(", {:.1f} ms before the next", reason.advantage * 1e3);
  }
  return out;
}

}  // namespace flagfall::director
