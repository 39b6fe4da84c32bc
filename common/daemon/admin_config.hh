// `[admin]`, which every daemon's configuration has: where operators reach it.
// A daemon derives its own section from it and sets its defaults there.
#pragma once

#include <string>

#include "common/config/schema.hh"
#include "common/net/admin.hh"

namespace flagfall::daemon {

struct AdminConfig {
  config::Path socket;
  config::OneOrMore<Endpoint> listen;
  config::Path certificate;
  config::Path key;
  config::Path token_file;
};

/// Adds an error for every address that others could reach without TLS and a token, and so on.
void check_admin(const AdminConfig& admin, const config::Where& where);
net::AdminOptions admin_options(const AdminConfig& admin);
/// For the log: "http://127.0.0.1:4980/".
std::string admin_url(const Endpoint& at);

/// C: the daemon's section. `port`: of addresses that are written without one.
template <class C>
config::Schema<C> admin_schema(std::uint16_t port) {
  using config::OneOrMore;
  using config::Path;
  config::Schema<C> s;
  s.key("socket", static_cast<Path C::*>(&C::socket),
        {.help = "Unix socket of the operator's command; empty: none"});
  s.key("listen", static_cast<OneOrMore<Endpoint> C::*>(&C::listen),
        {.help =
             "The same over HTTP, with metrics; loopback addresses: plain, to read only; others: TLS, with a "
             "certificate and a token; []: none",
         .port = port});
  s.key(
      "certificate", static_cast<Path C::*>(&C::certificate),
      {.help = "Of the TLS listeners, with the certificates between it and its CA; read again on a reload"});
  s.key("key", static_cast<Path C::*>(&C::key), {.help = "Its key; others must not be able to read it"});
  s.key(
      "token_file", static_cast<Path C::*>(&C::token_file),
      {.help = "A file with the token that clients show (`openssl rand -hex 32`); others must not be able to "
               "read it"});
  s.check([](const C& c, const config::Where& where) { check_admin(c, where); });
  return s;
}

}  // namespace flagfall::daemon
