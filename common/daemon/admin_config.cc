#include "common/daemon/admin_config.hh"

#include <fmt/core.h>

#include <set>

namespace flagfall::daemon {

void check_admin(const AdminConfig& admin, const config::Where& where) {
  if (admin.certificate.empty() != admin.key.empty())
    where.error(admin.key.empty() ? "certificate" : "key",
                "goes together with " + std::string(admin.key.empty() ? "key" : "certificate"));
  const bool guarded = !admin.certificate.empty() && !admin.token_file.empty();
  std::set<Endpoint> seen;
  for (const Endpoint& at : admin.listen.all) {
    if (!at.ip.loopback() && !guarded)
      where.error("listen",
                  fmt::format("others can reach {}: set certificate, key and token_file (make a token with "
                              "`openssl rand -hex 32`), or listen on 127.0.0.1 and come through `ssh -L`",
                              to_string(at)));
    if (!seen.insert(at).second) where.error("listen", fmt::format("{} is there twice", to_string(at)));
  }
}

net::AdminOptions admin_options(const AdminConfig& admin) {
  net::AdminOptions out;
  out.socket = admin.socket.text;
  out.listen = admin.listen.all;
  out.files = {admin.certificate.text, admin.key.text, admin.token_file.text};
  return out;
}

std::string admin_url(const Endpoint& at) {
  return fmt::format("{}://{}/", at.ip.loopback() ? "http" : "https", to_string(at));
}

}  // namespace flagfall::daemon
