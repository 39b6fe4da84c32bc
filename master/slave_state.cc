#include "master/slave_state.hh"

#include <fmt/core.h>

namespace flagfall::master {

std::string why_of(wire::Lack lack, const std::string& service) {
  switch (lack) {
    case wire::Lack::nothing:
      break;
    case wire::Lack::source:
      return fmt::format("cannot send from any address of service {}: list them in its [transmit] sources",
                         service);
    case wire::Lack::backend:
      return fmt::format("has no [[backend]] for service {}", service);
    case wire::Lack::down:
      return fmt::format("has a [[backend]] for service {} that does not answer", service);
  }
  return {};
}

}  // namespace flagfall::master
