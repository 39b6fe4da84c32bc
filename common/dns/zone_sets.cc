#include "common/dns/zone_sets.hh"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "common/wire/dns.hh"

namespace flagfall::dns {
namespace {

namespace rr = wire::rrtype;

/// Types that may stand beside a CNAME (RFC 4034 §3, §4; RFC 2181 §10.1).
bool beside_cname(std::uint16_t type) {
  return type == rr::kCname || type == rr::kRrsig || type == rr::kNsec;
}

/// Drops repeated records (RFC 2181 §5), the first of equals stays.
void drop_duplicates(RrSet& set) {
  if (set.records.size() < 2) return;
  std::unordered_set<std::string_view> seen;
  std::erase_if(set.records, [&](const ZoneRecord* r) { return !seen.insert(r->rdata).second; });
}

}  // namespace

ZoneSets::ZoneSets(const ZoneText& text, const WireName& apex, NameTree& tree)
    : text_(text), apex_(apex), tree_(tree), sets_(1) {
  for (const ZoneRecord& record : text.records) group(record);
  for (auto& node : sets_)
    for (RrSet& set : node) drop_duplicates(set);
}

void ZoneSets::group(const ZoneRecord& record) {
  const Bytes owner = bytes_of(record.owner);
  const Bytes own = owner.first(owner.size() - apex_.size());
  const auto labels = label_offsets(own);
  NameTree::Index node = NameTree::kApex;
  for (std::size_t i = labels.size(); i-- > 0;)
    node = tree_.add_child(node, own.subspan(labels[i] + 1, own[labels[i]]));
  sets_.resize(tree_.size());
  auto& sets = sets_[node];
  auto set = std::ranges::find(sets, record.type, &RrSet::type);
  if (set == sets.end()) {
    set = sets.insert(sets.end(), {record.type, record.ttl, {}});
  } else if (set->ttl != record.ttl) {
    warnings_.push_back(text_.where(record) +
                        "TTLs differ in one set of records; the least is served (RFC 2181 5.2)");
    set->ttl = std::min(set->ttl, record.ttl);
  }
  set->records.push_back(&record);
}

const RrSet* ZoneSets::get(NameTree::Index node, std::uint16_t type) const {
  const auto set = std::ranges::find(sets_[node], type, &RrSet::type);
  return set == sets_[node].end() ? nullptr : &*set;
}

bool ZoneSets::cut(NameTree::Index node) const {
  return node != NameTree::kApex && get(node, rr::kNs) != nullptr;
}
bool ZoneSets::stops(NameTree::Index node) const {
  return cut(node) || get(node, rr::kDname) != nullptr;
}

WireName ZoneSets::name_of(NameTree::Index node) const {
  WireName out;
  for (; node != NameTree::kApex; node = tree_.parent(node)) {
    const Bytes label = tree_.label(node);
    out += static_cast<char>(label.size());
    out += as_text(label);
  }
  return out + apex_;
}

ZoneSets::Place ZoneSets::locate(Bytes name) const {
  if (!at_or_below(name, bytes_of(apex_))) return {};
  const Bytes own = name.first(name.size() - apex_.size());
  const auto labels = label_offsets(own);
  NameTree::Index node = NameTree::kApex;
  for (std::size_t i = labels.size(); i-- > 0;) {
    if (stops(node)) return {Place::Kind::below_stop, node};
    const NameTree::Index child = tree_.child(node, own.subspan(labels[i] + 1, own[labels[i]]));
    if (child == NameTree::kNone) {
      const NameTree::Index wildcard = tree_.wildcard(node);
      if (wildcard == NameTree::kNone) return {Place::Kind::missing, node};
      return {Place::Kind::wildcard, wildcard};
    }
    node = child;
  }
  return {cut(node) ? Place::Kind::below_stop : Place::Kind::exact, node};
}

bool ZoneSets::find_exact(Bytes name, NameTree::Index& node) const {
  if (!at_or_below(name, bytes_of(apex_))) return false;
  const Bytes own = name.first(name.size() - apex_.size());
  const auto labels = label_offsets(own);
  node = NameTree::kApex;
  for (std::size_t i = labels.size(); i-- > 0;) {
    node = tree_.child(node, own.subspan(labels[i] + 1, own[labels[i]]));
    if (node == NameTree::kNone) return false;
  }
  return true;
}

Error ZoneSets::error(const RrSet& set, const std::string& what) const {
  return {text_.where(*set.records.back()) + what};
}

Status ZoneSets::check() {
  if (auto apex = check_apex(); !apex) return apex;
  for (NameTree::Index node = 0; node < sets_.size(); ++node)
    if (auto good = check_node(node); !good) return good;
  warn();
  return Ok{};
}

Status ZoneSets::check_apex() const {
  const std::string name = name_text(bytes_of(apex_));
  const RrSet* soa = get(NameTree::kApex, rr::kSoa);
  if (soa == nullptr)
    return Error{
        fmt::format("{}: no SOA record for {}; does the file belong to another zone?", text_.files[0], name)};
  if (soa->records.size() > 1) return error(*soa, "a second SOA record; a zone has one");
  constexpr std::size_t kSmallestSoa = 22;  // two root names, five numbers
  if (soa->records[0]->names.size() != 2 || soa->records[0]->rdata.size() < kSmallestSoa)
    return error(*soa, "write the SOA record in its own form, not as unknown data");
  if (get(NameTree::kApex, rr::kNs) == nullptr)
    return Error{fmt::format("{}: no NS record for {}; name the zone's servers", text_.files[0], name)};
  return Ok{};
}

Status ZoneSets::check_node(NameTree::Index node) const {
  const auto& sets = sets_[node];
  const RrSet* cname = get(node, rr::kCname);
  const RrSet* dname = get(node, rr::kDname);
  if (cname != nullptr) {
    if (cname->records.size() > 1) return error(*cname, "a second CNAME record for one name (RFC 2181 10.1)");
    for (const RrSet& set : sets)
      if (!beside_cname(set.type)) return error(set, "other data beside a CNAME record (RFC 1034 3.6.2)");
  }
  if (dname != nullptr && dname->records.size() > 1)
    return error(*dname, "a second DNAME record for one name (RFC 6672 2.4)");
  for (const RrSet* alias : {cname, dname})
    if (alias != nullptr && alias->records[0]->names.size() != 1)
      return error(*alias, "write the CNAME or DNAME record in its own form, not as unknown data");
  if (node == NameTree::kApex) return Ok{};
  if (const RrSet* soa = get(node, rr::kSoa); soa != nullptr)
    return error(*soa, fmt::format("SOA of another zone inside {}", name_text(bytes_of(apex_))));
  const RrSet* ns = get(node, rr::kNs);
  if (ns != nullptr && dname != nullptr) return error(*dname, "DNAME beside a delegation (RFC 6672 2.4)");
  if (as_text(tree_.label(node)) == "*") {
    if (ns != nullptr) return error(*ns, "NS at a wildcard has no meaning (RFC 4592 4.2)");
    if (dname != nullptr) return error(*dname, "DNAME at a wildcard has no meaning (RFC 4592 4.4)");
  }
  return Ok{};
}

void ZoneSets::warn() {
  if (const RrSet* key = get(NameTree::kApex, rr::kDnskey); key != nullptr)
    warnings_.push_back(
        text_.where(*key->records[0]) +
        "the zone is signed, but signatures are only served when asked for by type RRSIG: remove the "
        "DS record at the parent, or validating resolvers will reject the zone");
  for (NameTree::Index node = 1; node < sets_.size(); ++node) {
    if (!cut(node)) continue;
    const WireName owner = name_of(node);
    for (const ZoneRecord* ns : get(node, rr::kNs)->records) {
      if (ns->names.empty()) continue;
      const WireName target = lower_name(ns->name_at(ns->names[0]));
      NameTree::Index glue{};
      if (!at_or_below(bytes_of(target), bytes_of(owner))) continue;
      if (!find_exact(bytes_of(target), glue) ||
          (get(glue, rr::kA) == nullptr && get(glue, rr::kAaaa) == nullptr))
        warnings_.push_back(
            fmt::format("{}{} lies in the delegated zone and has no glue: add its A or AAAA record",
                        text_.where(*ns), name_text(bytes_of(target))));
    }
  }
}

}  // namespace flagfall::dns
