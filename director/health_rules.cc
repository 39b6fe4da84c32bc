#include "director/health_rules.hh"

namespace flagfall::director {

Fallen HealthRules::decide(const AllDown& rule, ServerMask present, ServerMask drained) const {
  const ServerMask willing = (present & ~drained) != 0 ? present & ~drained : present;
  switch (rule.what) {
    case AllDown::What::refuse:
      return {Fallen::What::refuse, 0};
    case AllDown::What::addresses:
      return {Fallen::What::addresses, 0};
    case AllDown::What::last:
      // Since the start none may have been fit, and what was may be gone: then all are as good.
      if ((last_ & willing) != 0) return {Fallen::What::servers, last_ & willing};
      break;
    case AllDown::What::all:
      break;
  }
  return {Fallen::What::servers, willing};
}

}  // namespace flagfall::director
