#include "common/dns/zone.hh"

#include <algorithm>
#include <array>
#include <utility>

#include "common/dns/zone_build.hh"
#include "common/dns/zone_data.hh"
#include "common/dns/zone_file.hh"

namespace flagfall::dns {
namespace {

constexpr std::size_t kMostLabels = 128;  // 255 octets hold no more

/// Where the labels above the apex start, leftmost first; nothing when the name is not in the zone.
struct Labels {  // NOLINT(*-member-init): `at` is filled as far as used
  std::array<std::uint8_t, kMostLabels> at;
  std::size_t count = 0;
  bool in_zone = false;
};

void split(Bytes name, Bytes apex, Labels& out) noexcept {
  if (name.size() < apex.size() || name.size() > wire::kMaxName) return;
  const std::size_t own = name.size() - apex.size();
  std::size_t at = 0;
  while (at < own) {
    if (name[at] == 0 || name[at] > wire::kMaxLabel) return;
    out.at[out.count++] = static_cast<std::uint8_t>(at);
    at += 1U + name[at];
  }
  out.in_zone = at == own && std::ranges::equal(name.subspan(own), apex);
}

const Lookup& pick(const ZoneData& zone, const ZoneData::Node& node, std::uint16_t type) noexcept {
  for (std::uint32_t i = node.first; i < node.first + node.count; ++i)
    if (zone.entries[i].type == type) return zone.entries[i].lookup;
  return zone.lookups[node.otherwise];
}

}  // namespace

Result<bool> name_in_zone(const std::string& name, const std::string& zone) {
  const auto a = parse_name(name);
  if (!a) return Error{a.error()};
  const auto b = parse_name(zone);
  if (!b) return Error{b.error()};
  return at_or_below(bytes_of(*a), bytes_of(*b));
}

Result<std::unique_ptr<Zone>> Zone::load(const std::string& file, const std::string& origin,
                                         const std::vector<RacedName>& raced, Random& random,
                                         const std::vector<std::string>& undelegated) {
  const auto apex = parse_name(origin);
  if (!apex) return Error{apex.error()};
  auto text = read_zone_file(file, *apex);
  if (!text) return Error{text.error()};
  for (const std::string& name : undelegated) {
    const auto cut = parse_name(name);
    if (!cut) return Error{cut.error()};
    std::erase_if(text->records, [&](const ZoneRecord& r) {
      return r.owner == *cut && r.owner != *apex &&
             (r.type == wire::rrtype::kNs || r.type == wire::rrtype::kDs);
    });
  }
  return make(*text, origin, raced, random);
}

Result<std::unique_ptr<Zone>> Zone::make(const ZoneText& text, const std::string& origin,
                                         const std::vector<RacedName>& raced, Random& random) {
  const auto apex = parse_name(origin);
  if (!apex) return Error{apex.error()};
  wire::SipKey key{};
  for (std::size_t i = 0; i < key.size(); i += sizeof(std::uint64_t)) {
    const std::uint64_t word = random.next();
    std::memcpy(key.data() + i, &word, sizeof word);
  }
  auto data = build_zone(text, *apex, raced, key);
  if (!data) return Error{data.error()};
  return std::unique_ptr<Zone>(new Zone(std::move(*data)));
}

Zone::Zone(std::unique_ptr<const ZoneData> data) : data_(std::move(data)) {}
Zone::~Zone() = default;

Lookup Zone::find(Bytes name, std::uint16_t type) const noexcept {
  const ZoneData& zone = *data_;
  Labels labels;
  split(name, bytes_of(zone.apex), labels);
  if (!labels.in_zone) return {};
  NameTree::Index at = NameTree::kApex;
  for (std::size_t i = labels.count; i-- > 0;) {
    if (const std::uint32_t stop = zone.nodes[at].stop; stop != 0) {
      const ZoneData::Stop& s = zone.stops[stop];
      return zone.lookups[name.size() > s.longest ? s.too_long : s.below];
    }
    const std::size_t start = labels.at[i];
    const NameTree::Index child = zone.tree.child(at, name.subspan(start + 1, name[start]));
    if (child == NameTree::kNone) {
      at = zone.tree.wildcard(at);  // of the closest encloser (RFC 4592 §3.3.1)
      if (at == NameTree::kNone) return zone.nxdomain;
      break;
    }
    at = child;
  }
  Lookup found = pick(zone, zone.nodes[at], type);
  found.service = zone.nodes[at].service;
  return found;
}

std::size_t Zone::record_count() const {
  return data_->records;
}
Bytes Zone::apex() const noexcept {
  return bytes_of(data_->apex);
}
std::vector<std::string> Zone::delegation(Bytes name) const {
  const auto at =
      std::ranges::find_if(data_->delegations, [&](const auto& d) { return d.first == as_text(name); });
  return at == data_->delegations.end() ? std::vector<std::string>{} : at->second;
}
const std::vector<std::string>& Zone::warnings() const {
  return data_->warnings;
}

}  // namespace flagfall::dns
