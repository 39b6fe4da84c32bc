#include "common/net/seal.hh"

#include <openssl/evp.h>

#include <cassert>
#include <cstdlib>
#include <limits>
#include <stdexcept>

#include "common/wire/replay_window.hh"

namespace flagfall::net {
namespace {

constexpr std::uint16_t kMagic = 0xf1a6;
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kNonceSize = 12;  // GCM's own size: no extra hashing (SP 800-38D §5.2.1.1)
using Nonce = std::array<std::uint8_t, kNonceSize>;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

/// Keyed once; afterwards only the nonce changes.
Context make_context(const SealKey& key, int encrypt) {
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  if (!context ||
      EVP_CipherInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, key.data(), nullptr, encrypt) != 1)
    throw std::runtime_error("OpenSSL has no AES-128-GCM: order datagrams cannot be sealed");
  return context;
}

Nonce make_nonce(std::uint8_t channel, std::uint64_t counter) {
  Nonce nonce{channel};
  ByteWriter(MutableBytes(nonce).subspan(4)).u64(counter);
  return nonce;
}

/// A cipher that fails on good arguments must not let an unsealed datagram out: our bug, so abort.
void must(int ok) {
  if (ok != 1) std::abort();
}

}  // namespace

std::optional<SealHeader> parse_seal_header(Bytes datagram) {
  if (datagram.size() < kSealOverhead) return std::nullopt;
  ByteReader reader(datagram);
  if (reader.u16() != kMagic || reader.u8() != kVersion) return std::nullopt;
  SealHeader header;
  header.channel = reader.u8();
  header.session = reader.u32();
  header.counter = reader.u64();
  return header;
}

struct Sealer::Cipher {
  Context context;
};

Sealer::Sealer(const SealKey& key, std::uint32_t session, std::uint8_t channel)
    : cipher_(new Cipher{make_context(key, 1)}), session_(session), channel_(channel) {}
Sealer::~Sealer() = default;
Sealer::Sealer(Sealer&& other) noexcept = default;
Sealer& Sealer::operator=(Sealer&& other) noexcept = default;

std::size_t Sealer::seal(MutableBytes datagram, std::size_t plain) {
  assert(datagram.size() >= plain + kSealOverhead && plain <= std::numeric_limits<std::uint16_t>::max());
  const std::uint64_t counter = counter_++;
  ByteWriter header(datagram.first(kSealHeader));
  header.u16(kMagic);
  header.u8(kVersion);
  header.u8(channel_);
  header.u32(session_);
  header.u64(counter);

  EVP_CIPHER_CTX* context = cipher_->context.get();
  const Nonce nonce = make_nonce(channel_, counter);
  int n = 0;
  std::uint8_t* const body = datagram.data() + kSealHeader;
  must(EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()));
  must(EVP_EncryptUpdate(context, nullptr, &n, datagram.data(), static_cast<int>(kSealHeader)));
  if (plain > 0) must(EVP_EncryptUpdate(context, body, &n, body, static_cast<int>(plain)));
  must(EVP_EncryptFinal_ex(context, body + plain, &n));
  must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kSealTag), body + plain));
  return plain + kSealOverhead;
}

struct Opener::Cipher {
  Context context;
  std::array<wire::ReplayWindow, 256> windows{};  // one a channel
};

Opener::Opener(const SealKey& key) : cipher_(new Cipher{make_context(key, 0)}) {}
Opener::~Opener() = default;
Opener::Opener(Opener&& other) noexcept = default;
Opener& Opener::operator=(Opener&& other) noexcept = default;

Opener::Opened Opener::open(MutableBytes datagram) {
  const auto header = parse_seal_header(datagram);
  // No UDP datagram is longer; OpenSSL's lengths are ints.
  if (!header || datagram.size() > std::numeric_limits<std::uint16_t>::max()) return {Verdict::malformed, {}};
  wire::ReplayWindow& window = cipher_->windows.at(header->channel);
  if (!window.fresh(header->counter)) return {Verdict::replayed, {}};

  EVP_CIPHER_CTX* context = cipher_->context.get();
  const Nonce nonce = make_nonce(header->channel, header->counter);
  const std::size_t plain = datagram.size() - kSealOverhead;
  std::uint8_t* const body = datagram.data() + kSealHeader;
  int n = 0;
  must(EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()));
  must(EVP_DecryptUpdate(context, nullptr, &n, datagram.data(), static_cast<int>(kSealHeader)));
  if (plain > 0) must(EVP_DecryptUpdate(context, body, &n, body, static_cast<int>(plain)));
  must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kSealTag), body + plain));
  if (EVP_DecryptFinal_ex(context, body + plain, &n) != 1) return {Verdict::forged, {}};
  window.mark(header->counter);
  return {Verdict::ok, Bytes(body, plain)};
}

}  // namespace flagfall::net
