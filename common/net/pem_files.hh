// PEM files of certificates and keys, read with the checks that every user of
// them wants; errors are lines for the operator. Only for .cc files of
// common/net. Start-up and reload: reads files.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hh"
#include "common/base/time.hh"
#include "common/net/openssl.hh"

namespace flagfall::net {

/// A file opened for reading, or why it cannot be. `what` names its job, `advice` ends the line when it is
/// not there.
Result<BioPtr> open_pem(const std::string& file, std::string_view what, std::string_view advice);

/// The first certificate in a file.
Result<CertificatePtr> read_certificate(const std::string& file);
/// A key without a passphrase. Refuses one that others can read before it looks inside.
Result<KeyPtr> read_key(const std::string& file);
/// Ok while `now` is within the certificate's dates.
Status check_validity(const std::string& file, const X509& certificate, RealTime now);
/// When the last of a file's certificates ends.
Result<RealTime> pem_expiry(const std::string& file, std::string_view what, std::string_view advice);

/// "2027-03-01 12:00 UTC"
std::string utc_text(RealTime t);

}  // namespace flagfall::net
