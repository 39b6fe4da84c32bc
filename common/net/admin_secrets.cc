#include "common/net/admin_secrets.hh"

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "common/base/bytes.hh"

namespace flagfall::net {
namespace {

constexpr std::size_t kLeastToken = 16, kMostToken = 512;

std::array<std::uint8_t, 32> digest_of(std::string_view text) {
  std::array<std::uint8_t, 32> out{};
  SHA256(as_bytes(text).data(), text.size(), out.data());
  return out;
}

}  // namespace

Result<AdminToken> AdminToken::from(std::string_view text) {
  if (text.size() < kLeastToken || text.size() > kMostToken ||
      !std::ranges::all_of(text, [](char c) { return c > 0x20 && c <= 0x7e; }))
    return Error{fmt::format("it must be one line of {} to {} printable characters without a space",
                             kLeastToken, kMostToken)};
  AdminToken made;
  made.digest_ = digest_of(text);
  return made;
}

Result<AdminToken> AdminToken::load(const std::string& file) {
  const std::string make = fmt::format("make one with `(umask 077; openssl rand -hex 32 > {})`", file);
  struct stat status {};
  if (stat(file.c_str(), &status) != 0)
    return Error{fmt::format("token {}: {} ({})", file, std::generic_category().message(errno), make)};
  if ((status.st_mode & 077) != 0)
    return Error{fmt::format("token {}: others than its owner may read it (mode {:04o}); run `chmod 600 {}`",
                             file, status.st_mode & 07777, file)};
  std::ifstream in(file);
  std::string text(kMostToken + 2, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof())
    return Error{fmt::format("token {}: it must be readable by the user that runs this daemon", file)};
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.ends_with('\n')) text.pop_back();
  auto token = from(text);
  OPENSSL_cleanse(text.data(), text.size());
  if (!token) return Error{fmt::format("token {}: {}; {}", file, token.error(), make)};
  return token;
}

bool AdminToken::matches(std::string_view shown) const {
  const auto digest = digest_of(shown);
  return CRYPTO_memcmp(digest.data(), digest_.data(), digest.size()) == 0;
}

Result<AdminSecrets> AdminSecrets::load(const AdminFiles& files, RealTime now) {
  AdminSecrets made;
  if (!files.certificate.empty()) {
    auto tls = ServerTls::load(files.certificate, files.key, now);
    if (!tls) return Error{"admin listener: " + tls.error()};
    made.tls = std::move(*tls);
  }
  if (!files.token.empty()) {
    auto token = AdminToken::load(files.token);
    if (!token) return Error{"admin listener: " + token.error()};
    made.token = *token;
  }
  if (!files.report_token.empty()) {
    auto token = AdminToken::load(files.report_token);
    if (!token) return Error{"admin listener: " + token.error()};
    if (made.token == *token)
      return Error{fmt::format("admin listener: token {}: it is the operator's, too; make another",
                               files.report_token)};
    made.report_token = *token;
  }
  return made;
}

}  // namespace flagfall::net
