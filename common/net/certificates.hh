// Makes a small private CA and a certificate for each host: what `flagfall
// keygen` does. Ed25519 keys, PEM files. Start-up code: reads and writes files.
#pragma once

#include <string>

#include "common/base/result.hh"
#include "common/base/time.hh"

namespace flagfall::net {

struct CertificateOptions {
  std::string directory;  // made with mode 0700 when it is not there
  std::chrono::days validity{};
  bool force = false;  // replace files that exist
};

/// A CA: `directory`/ca.crt and ca.key (mode 0600).
Status make_ca(const CertificateOptions& options, RealTime now);

/// A certificate that `directory`'s CA signs: HOST.crt and HOST.key (mode 0600).
/// It serves both as a master's and as a slave's. `host` becomes its dNSName and common name.
/// It never outlives the CA.
Status make_certificate(const std::string& host, const CertificateOptions& options, RealTime now);

/// Letters a-z, digits, '-', '.', '_', 1 to 64 of them (RFC 5280's limit of a
/// common name), starting with a letter or a digit: also a safe file name. "ca" is taken.
Status check_host_name(const std::string& host);

}  // namespace flagfall::net
