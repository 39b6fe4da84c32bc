// Order datagrams on the wire: a clear header, AES-128-GCM around the orders,
// and a replay window (docs/protocol.md §4). Keys come from the TLS session's
// exporter (RFC 8446 §7.5), so a restart makes old datagrams worthless. Nothing
// here allocates after construction. What the orders say is wire/order.hh's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "common/base/bytes.hh"

namespace flagfall::net {

inline constexpr std::size_t kSealKeySize = 16;
/// The half of the export that seals orders, master -> slave.
using SealKey = std::array<std::uint8_t, kSealKeySize>;

inline constexpr std::size_t kSealHeader = 16;  // magic, version, channel, session, counter
inline constexpr std::size_t kSealTag = 16;
inline constexpr std::size_t kSealOverhead = kSealHeader + kSealTag;

struct SealHeader {
  std::uint32_t session = 0;
  std::uint8_t channel = 0;  // a master's loop: each has its own counter and replay window
  std::uint64_t counter = 0;
};

/// The clear header of a datagram that looks like ours, before any cryptography.
std::optional<SealHeader> parse_seal_header(Bytes datagram);

/// Seals in place. One owner thread; the cipher context is made once.
///
/// A nonce is channel and counter, and must never come twice under one key. So
/// for each (session key, channel) there is ONE Sealer as long as the session
/// lives: keep it, move it, but never make it anew for the same session.
class Sealer {
 public:
  Sealer(const SealKey& key, std::uint32_t session, std::uint8_t channel);
  ~Sealer();
  Sealer(Sealer&& other) noexcept;
  Sealer& operator=(Sealer&& other) noexcept;
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;
  /// datagram[kSealHeader, kSealHeader+plain) is the plaintext; kSealTag octets of room follow it.
  /// Returns the datagram's length. The counter goes up by one each time.
  std::size_t seal(MutableBytes datagram, std::size_t plain);

 private:
  struct Cipher;
  std::unique_ptr<Cipher> cipher_;
  std::uint32_t session_;
  std::uint8_t channel_;
  std::uint64_t counter_ = 0;
};

/// Opens in place; one a session, all channels (68 KiB of replay windows). One owner thread.
class Opener {
 public:
  explicit Opener(const SealKey& key);
  ~Opener();
  Opener(Opener&& other) noexcept;
  Opener& operator=(Opener&& other) noexcept;
  Opener(const Opener&) = delete;
  Opener& operator=(const Opener&) = delete;

  enum class Verdict : std::uint8_t {
    ok,
    malformed,  // too short, or not our header
    replayed,   // its counter was seen, or is too old to tell; judged before any cryptography
    forged,     // the tag does not verify: changed, cut short, or sealed with another key
  };
  struct Opened {
    Verdict verdict = Verdict::malformed;
    Bytes plaintext;  // within the datagram; empty unless ok
  };
  /// The window moves only for datagrams that are authentic. The datagram's bytes are
  /// garbage after any verdict but ok.
  Opened open(MutableBytes datagram);

 private:
  struct Cipher;
  std::unique_ptr<Cipher> cipher_;
};

}  // namespace flagfall::net
