#include "common/net/pem_files.hh"

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>

namespace flagfall::net {

namespace {

std::string system_text(int error) {
  return std::generic_category().message(error);
}

}  // namespace

Result<BioPtr> open_pem(const std::string& file, std::string_view what, std::string_view advice) {
  errno = 0;
  BioPtr bio(BIO_new_file(file.c_str(), "r"));
  const int error = errno;
  ERR_clear_error();
  if (bio) return bio;
  if (error == EACCES) advice = " (it must be readable by the user that runs this daemon)";
  if (error != ENOENT && error != EACCES) advice = "";
  return Error{fmt::format("{} {}: {}{}", what, file, system_text(error), advice)};
}

Result<CertificatePtr> read_certificate(const std::string& file) {
  auto bio = open_pem(file, "certificate", " (make it with `flagfall keygen HOST --dir DIR`)");
  if (!bio) return Error{bio.error()};
  CertificatePtr certificate(PEM_read_bio_X509(bio->get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!certificate) return Error{fmt::format("certificate {}: there is no PEM certificate in it", file)};
  return certificate;
}

Result<KeyPtr> read_key(const std::string& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) == 0 && (status.st_mode & 077) != 0)
    return Error{fmt::format("key {}: others than its owner may use it (mode {:04o}); run `chmod 600 {}`",
                             file, status.st_mode & 07777, file)};
  auto bio = open_pem(file, "key", " (make it with `flagfall keygen HOST --dir DIR`)");
  if (!bio) return Error{bio.error()};
  // A daemon has nobody to ask for a passphrase.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  KeyPtr key(PEM_read_bio_PrivateKey(bio->get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (!key) return Error{fmt::format("key {}: there is no PEM private key without a passphrase in it", file)};
  return key;
}

Status check_validity(const std::string& file, const X509& certificate, RealTime now) {
  const RealTime from = to_real(X509_get0_notBefore(&certificate));
  const RealTime until = to_real(X509_get0_notAfter(&certificate));
  if (now > until)
    return Error{
        fmt::format("certificate {}: it expired on {}; make a new one with `flagfall keygen --force`", file,
                    utc_text(until))};
  if (now < from)
    return Error{fmt::format("certificate {}: it is valid from {} only; is this host's clock right?", file,
                             utc_text(from))};
  return Ok{};
}

Result<RealTime> pem_expiry(const std::string& file, std::string_view what, std::string_view advice) {
  auto bio = open_pem(file, what, advice);
  if (!bio) return Error{bio.error()};
  RealTime last{};
  while (const CertificatePtr certificate{PEM_read_bio_X509(bio->get(), nullptr, nullptr, nullptr)})
    last = std::max(last, to_real(X509_get0_notAfter(certificate.get())));
  ERR_clear_error();
  return last;
}

std::string utc_text(RealTime t) {
  return fmt::format("{:%Y-%m-%d %H:%M} UTC",
                     fmt::gmtime(static_cast<std::time_t>(to_ns(t) / 1'000'000'000)));
}

}  // namespace flagfall::net
