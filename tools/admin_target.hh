// Where a daemon's admin listener is, as an operator writes it. Pure but for the
// reading of a token's file.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.hh"

namespace flagfall::tools {

/// The port of a master's `admin.listen` when none is written.
inline constexpr std::uint16_t kMasterAdminPort = 4980;

struct AdminTarget {
  std::string socket{};    // a path; or
  std::string host{};      // a name or an address,
  std::uint16_t port = 0;  // over TCP
  bool tls = false;
  std::string ca{};     // PEM file of the CAs to trust; empty: those of this host
  std::string token{};  // for `Authorization: Bearer`; empty: none
};

/// "/run/flagfall/master.sock", "http://127.0.0.1:4980", "https://master.example.test:4980",
/// "https://[2001:db8::1]"; a path behind the port is an error. Total.
Result<AdminTarget> parse_admin_target(const std::string& text);
/// How it is named in messages.
std::string to_string(const AdminTarget& target);
/// This host itself, by name or address: what is sent there stays here.
bool is_loopback(const AdminTarget& target);
/// The first line of a file that only its owner can read.
Result<std::string> read_token(const std::string& file);

}  // namespace flagfall::tools
