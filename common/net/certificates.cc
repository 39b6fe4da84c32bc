#include "common/net/certificates.hh"

#include <fcntl.h>
#include <fmt/core.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "common/base/bytes.hh"
#include "common/net/fd.hh"
#include "common/net/openssl.hh"

namespace flagfall::net {
namespace {

std::string system_text(int error) {
  return std::generic_category().message(error);
}

/// OpenSSL fails on good arguments only when something is badly wrong with it or with memory.
void must(int result, const char* what) {
  if (result <= 0) throw std::runtime_error(fmt::format("OpenSSL, {}: {}", what, openssl_error()));
}

struct Pair {
  CertificatePtr certificate;
  KeyPtr key;
};

std::time_t seconds_of(RealTime t) {
  return std::chrono::floor<std::chrono::seconds>(t.time_since_epoch()).count();
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  must(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1 ? 1 : 0,
       "certificate extension");
}

/// 127 random bits: unique without a register of serial numbers (RFC 5280 §4.1.2.2 wants positive, 20 octets
/// at most).
void set_serial(X509* certificate) {
  const std::unique_ptr<BIGNUM, Freed<BN_free>> serial(BN_new());
  must(BN_rand(serial.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY), "serial number");
  must(BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr ? 1 : 0,
       "serial number");
}

/// Subject, key and dates; extensions and signature are the caller's.
Pair make_pair(const std::string& name, RealTime from, RealTime until) {
  Pair made{CertificatePtr(X509_new()), KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"))};
  must(made.certificate && made.key ? 1 : 0, "key");
  X509* certificate = made.certificate.get();
  must(X509_set_version(certificate, X509_VERSION_3), "version");
  set_serial(certificate);
  must(X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8,
                                  as_bytes(name).data(), static_cast<int>(name.size()), -1, 0),
       "name");
  must(X509_set_pubkey(certificate, made.key.get()), "public key");
  must(ASN1_TIME_set(X509_getm_notBefore(certificate), seconds_of(from)) != nullptr ? 1 : 0, "date");
  must(ASN1_TIME_set(X509_getm_notAfter(certificate), seconds_of(until)) != nullptr ? 1 : 0, "date");
  return made;
}

/// Whole file or none: written beside, synced, then linked into place; without
/// `force` an existing file stays, even one that appears meanwhile.
Status write_file(const std::string& file, const std::string& content, mode_t mode, bool force) {
  const std::string temporary = fmt::format("{}.{}.new", file, getpid());
  const auto failed = [&](const char* what) {
    const int error = errno;
    (void)unlink(temporary.c_str());
    return Error{fmt::format("{} {}: {}", what, file, system_text(error))};
  };
  {
    const Fd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!fd) return failed("write");
    if (write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
      return failed("write");
    if (fchmod(fd.get(), mode) != 0 || fsync(fd.get()) != 0) return failed("write");
  }
  if (force) {
    if (rename(temporary.c_str(), file.c_str()) != 0) return failed("replace");
    return Ok{};
  }
  if (link(temporary.c_str(), file.c_str()) != 0) return failed("write");
  (void)unlink(temporary.c_str());
  return Ok{};
}

template <class F>
std::string pem(F write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  must(bio && write(bio.get()) == 1 ? 1 : 0, "PEM");
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

/// The key first: a certificate without its key is of no use to anyone.
Status write_pair(const Pair& pair, const std::string& stem, bool force) {
  for (const std::string& file : {stem + ".key", stem + ".crt"})
    if (!force && access(file.c_str(), F_OK) == 0)
      return Error{fmt::format("{} exists already; --force replaces it", file)};
  const auto key = pem([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, pair.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  if (auto written = write_file(stem + ".key", key, 0600, force); !written) return written;
  return write_file(stem + ".crt",
                    pem([&](BIO* bio) { return PEM_write_bio_X509(bio, pair.certificate.get()); }), 0644,
                    force);
}

Status make_directory(const std::string& directory) {
  if (mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) return Ok{};
  return Error{fmt::format("make directory {}: {}", directory, system_text(errno))};
}

Result<Pair> read_ca(const std::string& directory) {
  const auto open_pem = [&](const char* name) {
    return BioPtr(BIO_new_file((directory + name).c_str(), "r"));
  };
  Pair ca;
  if (const BioPtr file = open_pem("/ca.crt"))
    ca.certificate.reset(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
  if (const BioPtr file = open_pem("/ca.key"))
    ca.key.reset(PEM_read_bio_PrivateKey(
        file.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
  ERR_clear_error();
  if (!ca.certificate || !ca.key)
    return Error{fmt::format(
        "{0}: no readable ca.crt and ca.key there; make a CA with `flagfall keygen --ca {0}`", directory)};
  if (X509_check_private_key(ca.certificate.get(), ca.key.get()) != 1) {
    ERR_clear_error();
    return Error{fmt::format("{0}: ca.key does not belong to ca.crt", directory)};
  }
  return ca;
}

// Hosts whose clocks are a little behind can use a certificate at once.
constexpr auto kBackdated = std::chrono::hours(1);

}  // namespace

Status check_host_name(const std::string& host) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  if (host.empty() || host.size() > 64 || !std::ranges::all_of(host, good) || host[0] == '-' ||
      host[0] == '.' || host[0] == '_' || host == "ca")
    return Error{
        fmt::format("'{}' cannot be a host's name here: use 1 to 64 of a-z, 0-9, '-', '.', '_', first a "
                    "letter or digit, not 'ca'",
                    host)};
  return Ok{};
}

Status make_ca(const CertificateOptions& options, RealTime now) {
  if (auto made = make_directory(options.directory); !made) return made;
  const Pair ca = make_pair("flagfall CA", now - kBackdated, now + options.validity);
  X509* certificate = ca.certificate.get();
  must(X509_set_issuer_name(certificate, X509_get_subject_name(certificate)), "issuer");
  add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
  must(X509_sign(certificate, ca.key.get(), nullptr), "signature");
  return write_pair(ca, options.directory + "/ca", options.force);
}

Status make_certificate(const std::string& host, const CertificateOptions& options, RealTime now) {
  if (auto good = check_host_name(host); !good) return good;
  const auto ca = read_ca(options.directory);
  if (!ca) return Error{ca.error()};
  X509* issuer = ca->certificate.get();
  const RealTime until = std::min(RealTime(now + options.validity), to_real(X509_get0_notAfter(issuer)));
  if (until <= now)
    return Error{fmt::format("{}/ca.crt has expired; make a new CA with `flagfall keygen --force --ca {}`",
                             options.directory, options.directory)};
  const Pair leaf = make_pair(host, now - kBackdated, until);
  X509* certificate = leaf.certificate.get();
  must(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)), "issuer");
  add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
  add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
  add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
  add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
  add_extension(certificate, issuer, NID_subject_alt_name, "DNS:" + host);
  must(X509_sign(certificate, ca->key.get(), nullptr), "signature");
  return write_pair(leaf, options.directory + "/" + host, options.force);
}

}  // namespace flagfall::net
