#include "check/probe_packet.hh"

#include <algorithm>
#include <cassert>
#include <charconv>

namespace flagfall::check {
namespace {

constexpr std::string_view kMagic = "FFCK";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kMac = 16;
constexpr std::size_t kMostName = 64;

void write_endpoint(ByteWriter& w, const Endpoint& e) {
  w.u8(static_cast<std::uint8_t>(e.ip.family));
  w.bytes(e.ip.bytes());
  w.u16(e.port);
}

bool read_endpoint(ByteReader& r, Endpoint& out) {
  const std::uint8_t family = r.u8();
  if (family != 4 && family != 6) return false;
  const Bytes octets = r.bytes(family == 4 ? 4 : 16);
  if (!r.ok()) return false;
  out.ip = ip_from_bytes(octets);
  out.port = r.u16();
  return r.ok();
}

bool printable(std::string_view text) {
  return !text.empty() && text.size() <= kMostName &&
         std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

bool same(Bytes a, Bytes b) {
  return std::ranges::equal(a, b);
}

}  // namespace

std::vector<std::uint8_t> encode_probe(const Probe& probe, std::size_t size, net::AesCmac& mac) {
  assert(printable(probe.name) && probe.plan.size() <= kMostPlan && size <= kLargeProbe);
  std::vector<std::uint8_t> out(kLargeProbe);
  ByteWriter w(out);
  w.bytes(as_bytes(kMagic));
  w.u8(kVersion);
  w.u8(static_cast<std::uint8_t>(probe.kind));
  w.u16(0);  // the size, below
  w.u64(probe.run);
  w.u16(probe.number);
  w.u16(probe.count);
  w.i64(to_ns(probe.sent));
  write_endpoint(w, probe.source);
  w.u8(static_cast<std::uint8_t>(probe.name.size()));
  w.bytes(as_bytes(probe.name));
  w.u8(static_cast<std::uint8_t>(probe.plan.size()));
  for (const Endpoint& e : probe.plan) write_endpoint(w, e);
  assert(w.ok());
  const std::size_t whole = std::max(size, w.size() + kMac);
  out.resize(whole);
  out[6] = static_cast<std::uint8_t>(whole >> 8);
  out[7] = static_cast<std::uint8_t>(whole);
  const auto digest = mac(Bytes(out).first(whole - kMac));
  std::ranges::copy(digest, out.end() - static_cast<std::ptrdiff_t>(kMac));
  return out;
}

Result<Probe> decode_probe(Bytes datagram, net::AesCmac& mac) {
  ByteReader r(datagram);
  if (as_text(r.bytes(kMagic.size())) != kMagic) return Error{"no probe of flagfall check"};
  if (r.u8() != kVersion) return Error{"a probe of another version"};
  const std::uint8_t kind = r.u8();
  const std::uint16_t size = r.u16();
  if (!r.ok() || size != datagram.size() || size < kMac) return Error{"cut"};
  const Bytes signed_part = datagram.first(size - kMac);
  if (!same(mac(signed_part), datagram.last(kMac))) return Error{"signed with another key"};
  Probe out;
  out.kind = kind == 1 ? Probe::Kind::service : Probe::Kind::own;
  out.run = r.u64();
  out.number = r.u16();
  out.count = r.u16();
  out.sent = from_ns<RealTime>(r.i64());
  bool good = kind <= 1 && read_endpoint(r, out.source);
  out.name = as_text(r.bytes(good ? r.u8() : 0));
  const std::size_t plan = r.u8();
  good = good && printable(out.name) && plan <= kMostPlan && r.ok();
  for (std::size_t i = 0; good && i < plan; ++i) {
    Endpoint e;
    good = read_endpoint(r, e);
    out.plan.push_back(e);
  }
  if (!good || r.position() > signed_part.size() || out.count == 0) return Error{"malformed"};
  return out;
}

Result<std::vector<std::uint8_t>> parse_probe_key(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  constexpr std::size_t kDigits = 32;
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; text.size() == kDigits && i < kDigits; i += 2) {
    std::uint8_t octet = 0;
    const char* const from = text.data() + i;
    if (const auto [end, error] = std::from_chars(from, from + 2, octet, 16);
        error != std::errc() || end != from + 2)
      break;
    out.push_back(octet);
  }
  if (out.size() != kDigits / 2) return Error{"a key is 32 hex digits: openssl rand -hex 16"};
  return out;
}

}  // namespace flagfall::check
