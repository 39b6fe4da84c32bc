// Any name and type against a zone with everything in it: look-up and answer
// never fail, and ldns can read what goes out. Octets: the type (2), then a
// number of labels, each either an index into the zone's own labels or a
// length with octets; or, with a first octet of 255, raw octets as the name.
#include <ldns/ldns.h>
#undef bool
#undef true
#undef false
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/dns/front_end.hh"

using flagfall::Bytes;
using flagfall::dns::Zone;
namespace wire = flagfall::wire;

namespace {

constexpr std::string_view kZone = R"($TTL 60
@ SOA ns host 1 2 3 4 30
@ NS ns
@ NS ns.elsewhere.example.
@ MX 10 mail
ns A 192.0.2.1
ns AAAA 2001:db8::1
mail A 192.0.2.2
www A 192.0.2.3
*.race A 192.0.2.4
named.race TXT "x"
a1 CNAME a2
a2 CNAME www
loop CNAME loop
gone CNAME nowhere
*.star CNAME a.race
y.x.ent TXT "x"
child NS ns.child
ns.child A 192.0.2.5
signed NS ns.elsewhere.example.
signed DS 1 13 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
dn DNAME a-rather-long-target-name-that-fills-up-soon.elsewhere.example.
svc HTTPS 1 . alpn=h2
_sip._udp SRV 0 0 5060 mail
sub.*.mid TXT "x"
)";
constexpr std::array<std::string_view, 32> kLabels{
    "example", "test", "www",  "ns", "mail",  "race",   "named", "a1",  "a2",   "loop", "gone",
    "star",    "ent",  "x",    "y",  "child", "signed", "dn",    "svc", "_sip", "_udp", "*",
    "mid",     "sub",  "host", "a",  "b",     "org",    "WWW",   "NS",  "-",    "0"};

std::unique_ptr<Zone> load() {
  const int fd = memfd_create("zone", 0);
  if (fd < 0 || write(fd, kZone.data(), kZone.size()) != static_cast<ssize_t>(kZone.size())) std::abort();
  flagfall::SeededRandom random(1);
  auto zone = Zone::load("/proc/self/fd/" + std::to_string(fd), "example.test",
                         {{"www.example.test", 0}, {"*.race.example.test", 1}}, random);
  close(fd);
  if (!zone) std::abort();
  return std::move(*zone);
}

/// A name of labels as the input says; not longer than names may be, and under the zone's apex.
std::vector<std::uint8_t> build_name(flagfall::ByteReader& in) {
  std::vector<std::uint8_t> out;
  constexpr std::size_t kApex = 14;
  while (in.left() > 0) {
    const std::uint8_t what = in.u8();
    Bytes label = flagfall::as_bytes(kLabels[what % kLabels.size()]);
    if (what >= 128) label = in.bytes(std::min<std::size_t>(1 + what % 63, in.left()));
    if (label.empty() || out.size() + 1 + label.size() + kApex > wire::kMaxName) break;
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
  }
  const std::string_view apex("\7example\4test\0", kApex);
  out.insert(out.end(), apex.begin(), apex.end());
  return out;
}

void check(const Zone& zone, Bytes name, std::uint16_t type) {
  static std::array<std::uint8_t, wire::kMaxDnsMessage> room;
  std::vector<std::uint8_t> packet{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  packet.insert(packet.end(), name.begin(), name.end());
  for (const unsigned v : {unsigned{type} >> 8, unsigned{type} & 255, 0U, 1U})
    packet.push_back(static_cast<std::uint8_t>(v));
  wire::DnsQuery query;
  if (wire::parse_query(packet, query) != wire::QueryVerdict::ok) std::abort();
  const auto found = zone.find(query.name_bytes(), type);
  if (found.kind == flagfall::dns::Lookup::Kind::other_zone) std::abort();
  for (const std::size_t limit : {512UL, wire::kMaxDnsMessage}) {
    const std::size_t n = wire::write_answer(
        query, {found.answer, found.authority, found.additional, found.additional_required}, {}, limit, room);
    ldns_pkt* pkt = nullptr;
    if (ldns_wire2pkt(&pkt, room.data(), n) != LDNS_STATUS_OK) std::abort();
    ldns_pkt_free(pkt);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::unique_ptr<Zone> zone = load();
  flagfall::ByteReader in({data, size});
  const std::uint16_t type = in.u16();
  if (!in.ok()) return 0;
  if (in.left() > 0 && data[2] == 255) {
    (void)zone->find({data + 3, size - 3}, type);
    return 0;
  }
  check(*zone, build_name(in), type);
  return 0;
}
