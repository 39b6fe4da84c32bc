#include "common/net/privileges.hh"

#include <cap-ng.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/prctl.h>

#include <cerrno>
#include <optional>
#include <system_error>

#include "common/net/fd.hh"

namespace flagfall::net {
namespace {

struct Names {
  unsigned number;
  std::string_view upper;
  std::string_view lower;
};

Names names_of(Capability capability) {
  switch (capability) {
    case Capability::net_raw:
      return {CAP_NET_RAW, "CAP_NET_RAW", "cap_net_raw"};
    case Capability::net_admin:
      return {CAP_NET_ADMIN, "CAP_NET_ADMIN", "cap_net_admin"};
    case Capability::net_bind_service:
      return {CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE", "cap_net_bind_service"};
  }
  return {};
}

void give_up_all_but(std::optional<Capability> kept) {
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  const bool has = kept && has_capability(*kept);
  capng_clear(CAPNG_SELECT_ALL);
  check(capng_get_caps_process(), "read capabilities");
  // The bounding set may be changed with CAP_SETPCAP only; without that, no_new_privs does for it.
  const bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
  capng_clear(CAPNG_SELECT_ALL);
  if (has)
    capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
                 names_of(*kept).number);
  if (capng_apply(may_bound ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS) != 0)
    throw std::system_error(errno, std::generic_category(), "drop capabilities");
  check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "drop ambient capabilities");
}

}  // namespace

bool has_capability(Capability capability) {
  capng_clear(CAPNG_SELECT_ALL);
  if (capng_get_caps_process() != 0) return false;
  return capng_have_capability(CAPNG_EFFECTIVE, names_of(capability).number) == 1;
}

bool file_has_capability(const std::string& file, Capability capability) {
  const Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  capng_clear(CAPNG_SELECT_ALL);
  if (!fd || capng_get_caps_fd(fd.get()) != 0) return false;
  return capng_have_capability(CAPNG_PERMITTED, names_of(capability).number) == 1;
}

Status need_capability(Capability capability, std::string_view purpose) {
  if (has_capability(capability)) return Ok{};
  const Names names = names_of(capability);
  return Error{fmt::format(
      "{} is missing, which is needed to {}: start it with AmbientCapabilities={} (as the unit in "
      "configs/systemd does), or grant it with `setcap {}+ep` on the program",
      names.upper, purpose, names.upper, names.lower)};
}

void keep_capability(Capability capability) {
  give_up_all_but(capability);
}

void drop_capabilities() {
  give_up_all_but(std::nullopt);
}

}  // namespace flagfall::net
