#include "sim/dns_text.hh"

#include <algorithm>
#include <cctype>

namespace flagfall::sim {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::uint16_t kOpt = 41, kCookie = 10;
/// More labels and pointers than a name has.
constexpr std::size_t kMostHops = 200;
/// A beacon's label: 20 octets in base32hex (RFC 4648 §7).
constexpr std::size_t kBeaconDigits = 32, kBeaconBits = 5;

/// The length of the name at `at`, a pointer included; nothing when it runs over the end.
std::optional<std::size_t> name_length(Bytes packet, std::size_t at) {
  for (std::size_t i = at; i < packet.size();) {
    const std::uint8_t n = packet[i];
    if (n == 0) return i + 1 - at;
    if ((n & 0xc0U) == 0xc0U) return i + 2 - at;
    i += std::size_t{n} + 1;
  }
  return std::nullopt;
}

/// The name at `at`, pointers followed, in presentation form and lower case; empty when it is none, or the
/// root.
std::string read_name(Bytes packet, std::size_t at) {
  std::string out;
  for (std::size_t hops = 0; at < packet.size() && hops < kMostHops; ++hops) {
    const std::uint8_t n = packet[at];
    if (n == 0) return out;
    if ((n & 0xc0U) == 0xc0U) {
      if (at + 1 >= packet.size()) return {};
      at = std::size_t{n & 0x3fU} << 8U | packet[at + 1];
      continue;
    }
    if (at + 1 + n > packet.size()) return {};
    if (!out.empty()) out += '.';
    for (const std::uint8_t c : packet.subspan(at + 1, n))
      out += static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20U : c);
    at += std::size_t{n} + 1;
  }
  return {};
}

void put_name(ByteWriter& w, const std::string& name, Random* random_case) {
  std::size_t from = 0;
  while (from < name.size()) {
    const std::size_t dot = std::min(name.find('.', from), name.size());
    w.u8(static_cast<std::uint8_t>(dot - from));
    for (; from < dot; ++from) {
      const auto c = static_cast<unsigned char>(name[from]);
      const bool flip = random_case != nullptr && std::isalpha(c) != 0 && (random_case->next() & 1U) != 0;
      w.u8(static_cast<std::uint8_t>(flip ? c ^ 0x20U : c));
    }
    ++from;
  }
  w.u8(0);
}

void read_options(Bytes data, AnswerText& out) {
  ByteReader in(data);
  while (in.left() > 0) {
    const std::uint16_t code = in.u16();
    const Bytes value = in.sized();
    if (in.ok() && code == kCookie) out.cookie.assign(value.begin(), value.end());
  }
}

bool read_record(Bytes packet, ByteReader& in, bool answer, AnswerText& out) {
  const std::size_t owner_at = in.position();
  const auto owner = name_length(packet, owner_at);
  if (!owner) return false;
  in.skip(*owner);
  const std::uint16_t type = in.u16();
  in.skip(2);
  const std::uint32_t ttl = in.u32();
  const std::size_t data_at = in.position() + 2;
  const Bytes data = in.sized();
  if (!in.ok()) return false;
  if (answer) out.ttl = std::min(out.ttl.value_or(ttl), ttl);
  if ((type == kTypeA && data.size() == 4) || (type == kTypeAaaa && data.size() == 16))
    (answer ? out.addresses : out.glue).push_back(ip_from_bytes(data));
  if (answer && type == kTypeCname) out.target = read_name(packet, data_at);
  if (!answer && type == kTypeNs) {
    out.cut = read_name(packet, owner_at);
    out.cut_ttl = ttl;
  }
  if (type == kOpt) read_options(data, out);
  return true;
}

}  // namespace

std::vector<std::uint8_t> write_query(const QueryText& query, Random* random_case) {
  std::vector<std::uint8_t> out(512);
  ByteWriter w(out);
  w.u16(query.id);
  w.u16(query.recursive ? 0x0100 : 0);
  w.u16(1);
  w.u16(0);
  w.u16(0);
  w.u16(query.edns ? 1 : 0);
  put_name(w, query.name, random_case);
  w.u16(query.type);
  w.u16(1);
  if (query.edns) {
    w.u8(0);
    w.u16(kOpt);
    w.u16(1232);
    w.u32(0);
    w.u16(static_cast<std::uint16_t>(query.cookie.empty() ? 0 : query.cookie.size() + 4));
    if (!query.cookie.empty()) {
      w.u16(kCookie);
      w.sized(query.cookie);
    }
  }
  out.resize(w.size());
  return out;
}

Bytes question_of(Bytes packet) {
  if (packet.size() < kHeader || packet[4] != 0 || packet[5] != 1) return {};
  const auto name = name_length(packet, kHeader);
  if (!name || kHeader + *name + 4 > packet.size()) return {};
  return packet.subspan(kHeader, *name + 4);
}

std::string question_name(Bytes packet) {
  return question_of(packet).empty() ? std::string() : read_name(packet, kHeader);
}

std::optional<BeaconName> read_beacon_name(const std::string& name) {
  if (name.size() < kBeaconDigits + 2 || name.find('.') != kBeaconDigits) return std::nullopt;
  BeaconName out{.label = name.substr(0, kBeaconDigits), .zone = name.substr(kBeaconDigits + 1)};
  std::vector<std::uint8_t> octets;
  unsigned waiting = 0, bits = 0;
  for (const char c : out.label) {
    const bool number = c >= '0' && c <= '9';
    if (!number && (c < 'a' || c > 'v')) return std::nullopt;
    waiting = (waiting << kBeaconBits | static_cast<unsigned>(number ? c - '0' : c - 'a' + 10)) & 0xffffU;
    if ((bits += kBeaconBits) < 8) continue;
    bits -= 8;
    octets.push_back(static_cast<std::uint8_t>(waiting >> bits));
  }
  ByteReader in(octets);
  out.service = in.u32();
  out.race = in.u64();
  return out;
}

std::optional<AnswerText> read_answer(Bytes packet) {
  ByteReader in(packet);
  AnswerText out;
  out.id = in.u16();
  const std::uint16_t flags = in.u16();
  in.skip(2);
  const unsigned answers = in.u16();
  const unsigned others = in.u16() + in.u16();
  const Bytes question = question_of(packet);
  if (!in.ok() || (flags & 0x8000U) == 0 || question.empty()) return std::nullopt;
  out.truncated = (flags & 0x0200U) != 0;
  out.rcode = flags & 0xfU;
  out.question.assign(question.begin(), question.end());
  in.skip(question.size());
  for (unsigned i = 0; i < answers + others; ++i)
    if (!read_record(packet, in, i < answers, out)) return std::nullopt;
  return out;
}

}  // namespace flagfall::sim
