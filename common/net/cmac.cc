#include "common/net/cmac.hh"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstdlib>
#include <stdexcept>

namespace flagfall::net {
namespace {

using Mac = std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)>;

MacContext keyed(Bytes key) {
  if (key.size() != 16 && key.size() != 32)
    throw std::invalid_argument("an AES-CMAC key has 16 or 32 octets");
  const Mac mac(EVP_MAC_fetch(nullptr, "CMAC", nullptr), EVP_MAC_free);
  MacContext context(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr, EVP_MAC_CTX_free);
  std::array<char, 12> cipher{};
  (void)std::string_view(key.size() == 16 ? "AES-128-CBC" : "AES-256-CBC").copy(cipher.data(), cipher.size());
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher.data(), 0), OSSL_PARAM_construct_end()};
  if (!context || EVP_MAC_init(context.get(), key.data(), key.size(), parameters.data()) != 1)
    throw std::runtime_error("OpenSSL has no AES-CMAC: NTP keys cannot be used");
  return context;
}

/// Good arguments do not fail; a packet with half a digest must not leave.
void must(int ok) {
  if (ok != 1) std::abort();
}

}  // namespace

struct AesCmac::Context {
  MacContext mac;
};

AesCmac::AesCmac(Bytes key) : context_(new Context{keyed(key)}) {}
AesCmac::~AesCmac() = default;
AesCmac::AesCmac(AesCmac&&) noexcept = default;
AesCmac& AesCmac::operator=(AesCmac&&) noexcept = default;

AesCmac::Digest AesCmac::operator()(Bytes message) {
  Digest out{};
  std::size_t size = 0;
  EVP_MAC_CTX* mac = context_->mac.get();
  must(EVP_MAC_init(mac, nullptr, 0, nullptr));
  must(EVP_MAC_update(mac, message.data(), message.size()));
  must(EVP_MAC_final(mac, out.data(), &size, out.size()));
  return out;
}

}  // namespace flagfall::net
