#include "common/wire/ntp.hh"

#include <algorithm>
#include <cassert>

namespace flagfall::wire {
namespace {

constexpr std::size_t kKey = 4;
/// MD5 and AES-CMAC, SHA-1: longer ones do not exist in version 4 (RFC 7822 §7.5.1.1).
constexpr std::size_t kLongestMac = kKey + 20;
constexpr std::size_t kLeastExtension = 16;
/// Seconds from 1900 to 1970.
constexpr std::uint64_t kUnix = 2'208'988'800;
constexpr std::uint64_t kBillion = 1'000'000'000;

/// 16.16 fixed point seconds.
Nanos from_short(std::uint32_t v) {
  return Nanos(static_cast<std::int64_t>((std::uint64_t{v} * kBillion + 0xffff) >> 16));
}
std::uint32_t to_short(Nanos t) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(t.count(), 0));
  if (ns >= 65536 * kBillion) return 0xffffffff;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(((ns << 16) + kBillion - 1) / kBillion, 0xffffffff));
}

bool is_mac_size(std::size_t n) {
  return n == kKey || n == kNtpMac || n == kLongestMac;
}

}  // namespace

std::optional<NtpDatagram> parse_ntp(Bytes datagram) noexcept {
  ByteReader in(datagram);
  NtpDatagram out;
  NtpPacket& p = out.packet;
  const std::uint8_t first = in.u8();
  p.leap = static_cast<NtpLeap>(first >> 6);
  p.version = (first >> 3) & 7;
  p.mode = first & 7;
  p.stratum = in.u8();
  p.poll = in.integer<std::int8_t>();
  p.precision = in.integer<std::int8_t>();
  p.root_delay = from_short(in.u32());
  p.root_dispersion = from_short(in.u32());
  p.reference_id = in.u32();
  p.reference = in.u64();
  p.origin = in.u64();
  p.receive = in.u64();
  p.transmit = in.u64();
  if (!in.ok()) return std::nullopt;
  // What is longer than the longest MAC is an extension field.
  while (in.left() > kLongestMac) {
    in.skip(2);
    const std::size_t size = in.u16();
    if (size < kLeastExtension || size % 4 != 0) return std::nullopt;
    in.skip(size - 4);
    if (!in.ok()) return std::nullopt;
  }
  if (in.left() == 0) return out;
  if (!is_mac_size(in.left())) return std::nullopt;
  NtpSignature signature;
  signature.covered = datagram.first(in.position());
  signature.key = in.u32();
  signature.digest = in.bytes(in.left());
  out.signature = signature;
  return out;
}

std::size_t encode_ntp(const NtpPacket& packet, MutableBytes room) {
  ByteWriter out(room);
  out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(packet.leap) << 6 | (packet.version & 7U) << 3 |
                                   (packet.mode & 7U)));
  out.u8(packet.stratum);
  out.integer(packet.poll);
  out.integer(packet.precision);
  out.u32(to_short(packet.root_delay));
  out.u32(to_short(packet.root_dispersion));
  out.u32(packet.reference_id);
  out.u64(packet.reference);
  out.u64(packet.origin);
  out.u64(packet.receive);
  out.u64(packet.transmit);
  assert(out.ok());
  return out.size();
}

std::size_t sign_ntp(MutableBytes room, std::size_t size, std::uint32_t key, const NtpMac& mac) {
  const NtpDigest digest = mac(room.first(size));
  ByteWriter out(room.subspan(size));
  out.u32(key);
  out.bytes(digest);
  assert(out.ok());
  return size + out.size();
}

bool verify_ntp(const NtpDatagram& datagram, std::uint32_t key, const NtpMac& mac) {
  if (!datagram.signature || datagram.signature->key != key) return false;
  const NtpDigest ours = mac(datagram.signature->covered);
  const Bytes theirs = datagram.signature->digest;
  if (theirs.size() != ours.size()) return false;
  unsigned differs = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) differs |= static_cast<unsigned>(ours.at(i) ^ theirs[i]);
  return differs == 0;
}

std::string kiss_code(const NtpPacket& packet) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const auto c = static_cast<char>(packet.reference_id >> shift & 0xff);
    if (c < 'A' || c > 'Z') return {};
    out.push_back(c);
  }
  return out;
}

std::optional<RefTime> from_ntp(std::uint64_t timestamp) noexcept {
  if (timestamp == 0) return std::nullopt;
  // Era 0 from 1970 on, era 1 before its own 1970 (RFC 5905 §6): 1970 to 2106.
  std::uint64_t seconds = timestamp >> 32;
  seconds += seconds < kUnix ? (std::uint64_t{1} << 32) - kUnix : -kUnix;
  const std::uint64_t nanos = ((timestamp & 0xffffffff) * kBillion + (std::uint64_t{1} << 31)) >> 32;
  return RefTime(Nanos(static_cast<std::int64_t>(seconds * kBillion + nanos)));
}

std::uint64_t to_ntp(RefTime time) noexcept {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0));
  const std::uint64_t fraction = ((ns % kBillion << 32) + kBillion / 2) / kBillion;
  const std::uint64_t timestamp = ((ns / kBillion + kUnix) << 32) + fraction;
  return timestamp == 0 ? 1 : timestamp;  // the first moment of era 1 would say "unknown"
}

}  // namespace flagfall::wire
