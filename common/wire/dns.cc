#include "common/wire/dns.hh"

#include <algorithm>

namespace flagfall::wire {
namespace {

constexpr std::uint16_t kOptionNsid = 3;
constexpr std::uint16_t kOptionSubnet = 8;
constexpr std::uint16_t kOptionCookie = 10;
constexpr unsigned kLabelTypes = 0xc0;  // the two bits above a label's length; both set is a pointer
constexpr std::uint32_t kDnssecOk = 0x8000;

/// Reads the question's name: plain labels only, since nothing stands before it that a pointer could name.
bool read_name(ByteReader& in, DnsQuery& out) {
  std::size_t used = 0;
  while (true) {
    const std::uint8_t length = in.u8();
    if (!in.ok() || length > kMaxLabel || used + 1 + length > kMaxName) return false;
    out.name[used++] = length;
    if (length == 0) break;
    const Bytes label = in.bytes(length);
    if (!in.ok()) return false;
    std::transform(label.begin(), label.end(), out.name.begin() + static_cast<std::ptrdiff_t>(used), lower);
    used += length;
  }
  out.name_length = used;
  return true;
}

bool read_question(ByteReader& in, DnsQuery& out) {
  const bool good = read_name(in, out);
  out.type = in.u16();
  out.klass = in.u16();
  if (!good || !in.ok()) {
    out.name_length = 0;
    return false;
  }
  out.question_end = in.position();
  return true;
}

/// Steps over a record's owner; where a pointer leads does not matter. `root` tells a name of just the root
/// label.
bool skip_name(ByteReader& in, bool& root) {
  for (std::size_t used = 0; used < kMaxName;) {
    const std::uint8_t length = in.u8();
    if (!in.ok()) return false;
    root = used == 0 && length == 0;
    if (length == 0) return true;
    if ((length & kLabelTypes) == kLabelTypes) {
      in.skip(1);
      return in.ok();
    }
    if (length > kMaxLabel) return false;
    in.skip(length);
    used += 1U + length;
  }
  return false;
}

/// RFC 7871 §6 and §7.2.1: family 1 or 2, scope 0, just the octets that the prefix needs, no bits beyond it.
bool subnet_good(Bytes option) {
  ByteReader in(option);
  const std::uint16_t family = in.u16();
  const unsigned source = in.u8();
  const unsigned scope = in.u8();
  if (!in.ok() || (family != 1 && family != 2) || scope != 0) return false;
  if (source > (family == 1 ? 32U : 128U) || in.left() != (source + 7) / 8) return false;
  return source % 8 == 0 || (option.back() & (0xffU >> (source % 8))) == 0;
}

bool read_cookie(Bytes option, DnsQuery& out) {
  if (out.client_cookie) return true;  // the first one counts
  constexpr std::size_t kClient = 8;
  if (option.size() != kClient && (option.size() < 16 || option.size() > 40)) {  // RFC 7873 §5.2.2
    out.cookie_malformed = true;
    return false;
  }
  std::copy_n(option.begin(), kClient, out.client_cookie.emplace().begin());
  out.server_cookie = option.subspan(kClient);
  return true;
}

bool read_options(Bytes rdata, DnsQuery& out) {
  ByteReader in(rdata);
  while (in.left() > 0) {
    const std::uint16_t code = in.u16();
    const Bytes data = in.sized();
    if (!in.ok()) return false;
    if (code == kOptionNsid) out.nsid = true;
    if (code == kOptionCookie && !read_cookie(data, out)) return false;
    if (code == kOptionSubnet) {
      if (!subnet_good(data)) return false;
      out.client_subnet = data;
    }
  }
  return true;
}

/// What an OPT record says (RFC 6891 §6.1); its type has been read.
QueryVerdict read_opt(ByteReader& in, bool root, DnsQuery& out) {
  const std::uint16_t size = in.u16();
  const std::uint32_t flags = in.u32();  // extended rcode, version, DO and Z
  const Bytes rdata = in.sized();
  if (!in.ok() || !root || out.edns) return QueryVerdict::formerr;
  out.edns = true;
  out.udp_size = std::max(size, kPlainUdpSize);
  out.dnssec_ok = (flags & kDnssecOk) != 0;
  if (((flags >> 16) & 0xff) != 0) return QueryVerdict::badvers;
  return read_options(rdata, out) ? QueryVerdict::ok : QueryVerdict::formerr;
}

/// Walks the records behind the question for their one OPT.
QueryVerdict read_records(ByteReader& in, std::uint32_t before, std::uint32_t additional, DnsQuery& out) {
  QueryVerdict verdict = QueryVerdict::ok;
  for (std::uint32_t i = 0; i < before + additional; ++i) {
    bool root = false;
    if (!skip_name(in, root)) return QueryVerdict::formerr;
    if (in.u16() == rrtype::kOpt) {
      if (i < before) return QueryVerdict::formerr;
      const QueryVerdict opt = read_opt(in, root, out);
      if (opt == QueryVerdict::formerr) return opt;
      verdict = opt;
    } else {
      in.skip(6);  // class and TTL
      (void)in.sized();
    }
    if (!in.ok()) return QueryVerdict::formerr;
  }
  return in.done() ? verdict : QueryVerdict::formerr;
}

QueryVerdict parse(Bytes packet, DnsQuery& out) {
  ByteReader in(packet);
  out.id = in.u16();
  out.flags = in.u16();
  const std::uint16_t questions = in.u16();
  const std::uint32_t answers = in.u16();
  const std::uint32_t authorities = in.u16();
  const std::uint32_t additional = in.u16();
  if (questions > 1 || (questions == 1 && !read_question(in, out))) return QueryVerdict::formerr;
  const QueryVerdict verdict = read_records(in, answers + authorities, additional, out);
  if (verdict == QueryVerdict::ok && questions == 0 && !out.client_cookie) return QueryVerdict::formerr;
  return verdict;
}

}  // namespace

QueryVerdict parse_query(Bytes packet, DnsQuery& out) noexcept {
  out.packet = packet;
  out.id = out.flags = out.type = out.klass = 0;
  out.question_end = kDnsHeader;
  out.name_length = 0;
  out.edns = out.dnssec_ok = out.nsid = out.cookie_malformed = false;
  out.udp_size = kPlainUdpSize;
  out.client_cookie.reset();
  out.server_cookie = out.client_subnet = {};
  constexpr unsigned kResponse = 0x80;  // QR, in the third octet
  if (packet.size() < kDnsHeader || (packet[2] & kResponse) != 0) return QueryVerdict::silence;
  const QueryVerdict verdict = parse(packet, out);
  constexpr unsigned kOpcode = 0x7800;
  return (out.flags & kOpcode) != 0 ? QueryVerdict::notimp : verdict;
}

std::optional<Prefix> client_subnet(const DnsQuery& query) noexcept {
  // Family, source and scope prefix length, then as many octets as the source length needs (RFC 7871 §6).
  constexpr std::size_t kFixed = 4;
  if (query.client_subnet.size() < kFixed || query.client_subnet[2] == 0) return std::nullopt;
  Prefix out;
  out.ip.family = query.client_subnet[1] == 1 ? Family::v4 : Family::v6;
  out.length = query.client_subnet[2];
  std::ranges::copy(query.client_subnet.subspan(kFixed), out.ip.octets.begin());
  return out;
}

}  // namespace flagfall::wire
