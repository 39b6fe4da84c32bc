// Who may ask what of the admin listener: the one place where that is decided.
// A pure function of a request's headers; no sockets, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/admin_secrets.hh"

namespace flagfall::net {

/// By which door a request came.
enum class AdminDoor : std::uint8_t {
  socket,    // the Unix socket: the file's mode is the guard
  loopback,  // plain HTTP on 127.0.0.0/8 or ::1: local users, and what their browsers are made to send
  tls        // any other address
};

/// What the gate looks at; nothing where the header is not there.
struct AdminKnock {
  bool reads = false;  // GET
  std::optional<std::string_view> host{};
  std::optional<std::string_view> authorization{};
  std::optional<std::string_view> origin{};
  std::optional<std::string_view> fetch_site{};  // Sec-Fetch-Site: browsers say who made them ask
  std::optional<std::string_view> fetch_mode{};
};

struct AdminVerdict {
  int status = 0;              // 0: let in; else the HTTP status of the refusal
  std::string why;             // and its text
  bool has_token = false;      // showed the token, as a program does (Bearer)
  bool reports = false;        // showed the one for reports
  bool ask_for_token = false;  // the refusal invites to show one (WWW-Authenticate)
};

/// What a request may show, and what it is.
struct AdminTokens {
  const AdminToken* all = nullptr;      // opens everything; null: none is configured
  const AdminToken* reports = nullptr;  // opens what clients report, and nothing else
  bool report = false;                  // the request is such a report
};

/// On the Unix socket everything is let in. Over TCP:
///  * what changes something (not GET) needs `Authorization: Bearer TOKEN`, which no browser sends by itself;
///  * on an address that others can reach, reading needs it too; there `Basic` with the token as password
///    will do, so that a browser can ask a person for it. Basic never changes anything: browsers send it
///    again by themselves, also for requests that another site made them send;
///  * on loopback the Host must be loopback itself: a name that an attacker's DNS turned into 127.0.0.1
///    ("DNS rebinding") is not;
///  * what another site makes a browser ask is refused, but for following a link to the page;
///  * the token for reports, shown as Bearer, lets a report in, and is refused for everything else.
AdminVerdict admin_gate(AdminDoor door, const AdminKnock& knock, const AdminTokens& tokens);

}  // namespace flagfall::net
