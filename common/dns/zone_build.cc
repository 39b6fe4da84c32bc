#include "common/dns/zone_build.hh"

#include <fmt/format.h>

#include <algorithm>

#include "common/dns/zone_sets.hh"

namespace flagfall::dns {
namespace {

namespace rr = wire::rrtype;
using Kind = Lookup::Kind;
using Known = RecordBlock::Known;

constexpr std::size_t kMostLinks = 16;  // CNAMEs that one answer follows; the resolver goes on from there
constexpr std::size_t kMostAdditional = 16;  // names whose addresses go along
constexpr std::uint32_t kAnyTtl = 3600;      // RFC 8482 §4.2 leaves it to us; caches need not ask again soon
constexpr std::size_t kMostRecords = 65000;  // octets of one section; 65,535 less header, question and OPT

class Builder {
 public:
  Builder(const ZoneText& text, const WireName& apex, ZoneData& zone)
      : text_(text), zone_(zone), sets_(text, apex, zone.tree) {}

  Status build();
  Status race(const RacedName& raced);

 private:
  /// A name while its answers are made.
  struct Site {
    NameTree::Index node = NameTree::kApex;
    WireName name;
    bool wildcard = false;
    /// What the questions that come here are known to be: a wildcard's share just its parent.
    [[nodiscard]] Known known() const {
      const Bytes all = bytes_of(name);
      return wildcard ? Known{parent_of(all), false} : Known{all, true};
    }
  };
  /// CNAMEs from a name on, and where they end.
  struct Chain {
    std::vector<std::pair<const RrSet*, WireName>>
        links;  // and their owners; the first one's is the question
    enum class End : std::uint8_t {
      open,
      missing,
      node
    } end = End::open;  // open: for the resolver to follow
    NameTree::Index node = NameTree::kApex;
    WireName target;  // the last one
  };

  void make_negative();
  void make_node(NameTree::Index node);
  void make_plain(const Site& site);
  void make_alias(const Site& site, const RrSet& cname);
  void make_cut(const Site& site);
  void make_dname(const Site& site, const RrSet& dname);
  [[nodiscard]] Chain follow(const RrSet& cname) const;
  const wire::PreparedRecords* glue(const Site& site, const RrSet& ns, bool& required);
  const wire::PreparedRecords* addresses_for(const Site& site, const RrSet& set);
  void add_addresses(RecordBlock& block, NameTree::Index node, Bytes owner) const;

  const wire::PreparedRecords* keep(RecordBlock& block);
  std::uint32_t keep(const Lookup& lookup);
  void entry(NameTree::Index node, std::uint16_t type, const Lookup& lookup);

  const ZoneText& text_;
  ZoneData& zone_;
  ZoneSets sets_;
  Lookup nodata_;
  std::uint32_t nodata_index_ = 0;
  Lookup any_;
  bool too_large_ = false;
};

/// Where a record's own target stands that clients will want the address of, if it has one (RFC 1035
/// §3.3.9, 3.3.11; RFC 2782; RFC 9460 §4.1).
bool has_target(std::uint16_t type) {
  return type == rr::kNs || type == rr::kMx || type == rr::kSrv || type == rr::kSvcb || type == rr::kHttps;
}

const wire::PreparedRecords* Builder::keep(RecordBlock& block) {
  wire::PreparedRecords records = block.take();
  if (records.count == 0) return nullptr;
  too_large_ = too_large_ || records.bytes.size() > kMostRecords;
  records.bytes.shrink_to_fit();
  records.pointers.shrink_to_fit();
  return &zone_.blocks.emplace_back(std::move(records));
}

std::uint32_t Builder::keep(const Lookup& lookup) {
  zone_.lookups.push_back(lookup);
  return static_cast<std::uint32_t>(zone_.lookups.size() - 1);
}

void Builder::entry(NameTree::Index node, std::uint16_t type, const Lookup& lookup) {
  zone_.entries.push_back({type, lookup});
  ++zone_.nodes[node].count;
}

Status Builder::build() {
  if (auto good = sets_.check(); !good) return good;
  zone_.nodes.resize(zone_.tree.size());
  make_negative();
  for (NameTree::Index node = 0; node < zone_.tree.size(); ++node) {
    make_node(node);
    if (too_large_)
      return Error{
          fmt::format("{}: the records of {} do not fit any answer; a section holds {} octets at most",
                      text_.files[0], name_text(bytes_of(sets_.name_of(node))), kMostRecords)};
    for (const RrSet& set : sets_.at(node)) zone_.records += set.records.size();
  }
  zone_.warnings = sets_.take_warnings();
  return Ok{};
}

void Builder::make_negative() {
  RrSet soa = *sets_.get(NameTree::kApex, rr::kSoa);
  // RFC 2308 §3 and §5: a negative answer lives no longer than the SOA's minimum.
  soa.ttl = std::min(soa.ttl, ByteReader(as_bytes(soa.records[0]->rdata).last(4)).u32());
  RecordBlock block({bytes_of(zone_.apex), false}, false);
  block.add(soa, bytes_of(zone_.apex));
  nodata_ = {.kind = Kind::nodata, .authority = keep(block)};
  nodata_index_ = keep(nodata_);
  zone_.nxdomain = nodata_;
  zone_.nxdomain.kind = Kind::nxdomain;

  RecordBlock any({bytes_of(zone_.apex), false}, true);
  any.add_plain(rr::kHinfo, kAnyTtl, as_bytes(std::string_view("\7RFC8482\0", 9)));
  any_ = {.kind = Kind::answer, .answer = keep(any)};
}

void Builder::make_node(NameTree::Index node) {
  const Site site{node, sets_.name_of(node),
                  node != NameTree::kApex && as_text(zone_.tree.label(node)) == "*"};
  zone_.nodes[node].first = static_cast<std::uint32_t>(zone_.entries.size());
  zone_.nodes[node].otherwise = nodata_index_;
  if (sets_.cut(node)) return make_cut(site);
  if (const RrSet* cname = sets_.get(node, rr::kCname); cname != nullptr) return make_alias(site, *cname);
  make_plain(site);
  if (const RrSet* dname = sets_.get(node, rr::kDname); dname != nullptr) make_dname(site, *dname);
}

void Builder::make_plain(const Site& site) {
  for (const RrSet& set : sets_.at(site.node)) {
    RecordBlock block(site.known(), true);
    block.add_for_question(set);
    entry(site.node, set.type,
          {.kind = Kind::answer, .answer = keep(block), .additional = addresses_for(site, set)});
  }
  if (sets_.at(site.node).empty()) return;
  entry(site.node, rr::kAny, any_);
}

Builder::Chain Builder::follow(const RrSet& cname) const {
  Chain chain;
  chain.links.emplace_back(&cname, WireName());
  while (true) {
    const ZoneRecord& last = *chain.links.back().first->records[0];
    chain.target = lower_name(last.name_at(last.names[0]));
    const auto place = sets_.locate(bytes_of(chain.target));
    if (place.kind == ZoneSets::Place::Kind::missing) chain.end = Chain::End::missing;
    if (place.kind != ZoneSets::Place::Kind::exact && place.kind != ZoneSets::Place::Kind::wildcard)
      return chain;
    const RrSet* next = sets_.get(place.node, rr::kCname);
    if (next == nullptr) {
      chain.end = Chain::End::node;
      chain.node = place.node;
      return chain;
    }
    const auto known = [&](const auto& link) { return link.first == next || link.second == chain.target; };
    if (chain.links.size() == kMostLinks || std::ranges::any_of(chain.links, known)) return chain;
    chain.links.emplace_back(next, chain.target);
  }
}

void Builder::make_alias(const Site& site, const RrSet& cname) {
  RecordBlock own(site.known(), true);
  own.add_for_question(cname);
  const Lookup alone{.kind = Kind::answer, .answer = keep(own)};
  entry(site.node, rr::kCname, alone);
  entry(site.node, rr::kAny, alone);              // RFC 8482 §4.2: a CNAME is told as it is
  for (const RrSet& set : sets_.at(site.node)) {  // RRSIG, NSEC
    if (set.type == rr::kCname) continue;
    RecordBlock block(site.known(), true);
    block.add_for_question(set);
    entry(site.node, set.type, {.kind = Kind::answer, .answer = keep(block)});
  }

  const Chain chain = follow(cname);
  const auto links = [&](RecordBlock& block) {
    for (const auto& [set, owner] : chain.links) block.add(*set, bytes_of(owner));
  };
  if (chain.end == Chain::End::node) {
    for (const RrSet& set : sets_.at(chain.node)) {
      if (set.type == rr::kRrsig || set.type == rr::kNsec) continue;  // the alias's own are meant
      RecordBlock block(site.known(), true);
      links(block);
      block.add(set, bytes_of(chain.target));
      entry(site.node, set.type, {.kind = Kind::answer, .answer = keep(block)});
    }
  }
  RecordBlock block(site.known(), true);
  links(block);
  Lookup rest{.kind = Kind::answer, .answer = keep(block)};
  if (chain.end != Chain::End::open) {
    rest.kind = chain.end == Chain::End::missing ? Kind::nxdomain : Kind::nodata;
    rest.authority = nodata_.authority;
  }
  zone_.nodes[site.node].otherwise = keep(rest);
}

void Builder::make_cut(const Site& site) {
  const RrSet& ns = *sets_.get(site.node, rr::kNs);
  RecordBlock block({bytes_of(site.name), false}, true);
  block.add(ns, bytes_of(site.name));
  Lookup referral{.kind = Kind::referral, .authority = keep(block)};
  referral.additional = glue(site, ns, referral.additional_required);
  zone_.nodes[site.node].otherwise = keep(referral);
  zone_.nodes[site.node].stop = static_cast<std::uint32_t>(zone_.stops.size());
  zone_.stops.push_back({zone_.nodes[site.node].otherwise, 0, wire::kMaxName});
  std::vector<WireName>& servers = zone_.delegations.emplace_back(site.name, std::vector<WireName>{}).second;
  for (const ZoneRecord* record : ns.records)
    if (!record->names.empty()) servers.push_back(lower_name(record->name_at(record->names[0])));

  // The parent's own data at a cut (RFC 4035 §3.1.4.1).
  const RrSet* ds = sets_.get(site.node, rr::kDs);
  if (ds == nullptr) return entry(site.node, rr::kDs, nodata_);
  RecordBlock own(site.known(), true);
  own.add_for_question(*ds);
  entry(site.node, rr::kDs, {.kind = Kind::answer, .answer = keep(own)});
}

void Builder::make_dname(const Site& site, const RrSet& dname) {
  RecordBlock made({bytes_of(site.name), false}, true);
  made.add_dname(dname);
  RecordBlock bare({bytes_of(site.name), false}, true);
  bare.add(dname, bytes_of(site.name));
  const std::size_t target = dname.records[0]->rdata.size();
  ZoneData::Stop stop;
  stop.below = keep({.kind = Kind::answer, .answer = keep(made)});
  stop.too_long = keep({.kind = Kind::too_long, .answer = keep(bare)});
  stop.longest = static_cast<std::uint16_t>(wire::kMaxName + site.name.size() - target);
  zone_.nodes[site.node].stop = static_cast<std::uint32_t>(zone_.stops.size());
  zone_.stops.push_back(stop);
}

void Builder::add_addresses(RecordBlock& block, NameTree::Index node, Bytes owner) const {
  for (const std::uint16_t type : {rr::kA, rr::kAaaa})
    if (const RrSet* set = sets_.get(node, type); set != nullptr) block.add(*set, owner);
}

const wire::PreparedRecords* Builder::glue(const Site& site, const RrSet& ns, bool& required) {
  RecordBlock block({bytes_of(site.name), false}, false);
  // Glue inside the delegated zone first: only that is indispensable (RFC 9471 §2.1).
  for (const bool inside : {true, false}) {
    std::vector<WireName> done;
    for (const ZoneRecord* record : ns.records) {
      if (record->names.empty()) continue;
      const WireName target = lower_name(record->name_at(record->names[0]));
      NameTree::Index node{};
      if (at_or_below(bytes_of(target), bytes_of(site.name)) != inside ||
          !sets_.find_exact(bytes_of(target), node) || std::ranges::find(done, target) != done.end())
        continue;
      done.push_back(target);
      add_addresses(block, node, bytes_of(target));
      required = required || inside;
    }
  }
  return keep(block);
}

const wire::PreparedRecords* Builder::addresses_for(const Site& site, const RrSet& set) {
  if (!has_target(set.type)) return nullptr;
  RecordBlock block(site.known(), false);
  std::vector<WireName> done;
  for (const ZoneRecord* record : set.records) {
    if (record->names.empty() || done.size() == kMostAdditional) continue;
    WireName target = lower_name(record->name_at(record->names[0]));
    const bool self =
        target.size() == 1 && (set.type == rr::kSvcb || set.type == rr::kHttps);  // "." (RFC 9460 §2.5)
    if (self) target.clear();
    if (std::ranges::find(done, target) != done.end()) continue;
    done.push_back(target);
    if (self) {
      add_addresses(block, site.node, {});
      continue;
    }
    const auto place = sets_.locate(bytes_of(target));
    if (place.kind == ZoneSets::Place::Kind::exact || place.kind == ZoneSets::Place::Kind::wildcard)
      add_addresses(block, place.node, bytes_of(target));
  }
  return keep(block);
}

Status Builder::race(const RacedName& raced) {
  const auto name = parse_name(raced.name);
  if (!name) return Error{fmt::format("{}: raced name: {}", text_.files[0], name.error())};
  const std::string shown = name_text(bytes_of(*name));
  const auto error = [&](std::string_view what) {
    return Error{fmt::format("{}: raced name {} {}", text_.files[0], shown, what)};
  };
  const auto place = sets_.locate(bytes_of(*name));
  NameTree::Index node{};
  switch (place.kind) {
    case ZoneSets::Place::Kind::outside:
      return error(fmt::format("is not in the zone {}", name_text(bytes_of(zone_.apex))));
    case ZoneSets::Place::Kind::below_stop:
      return error("belongs to a delegated zone or lies below a DNAME; race it where it is served");
    case ZoneSets::Place::Kind::missing:
    case ZoneSets::Place::Kind::exact:
    case ZoneSets::Place::Kind::wildcard:
      break;
  }
  if (sets_.find_exact(bytes_of(*name), node) && sets_.get(node, rr::kCname) != nullptr)
    return error("is a CNAME; race the name that it leads to, or give it A or AAAA records of its own");
  if (!sets_.find_exact(bytes_of(*name), node) ||
      (sets_.get(node, rr::kA) == nullptr && sets_.get(node, rr::kAaaa) == nullptr))
    return error(
        "has no A or AAAA record of its own in the zone; add the addresses that clients get without a race");
  if (zone_.nodes[node].service >= 0 && zone_.nodes[node].service != raced.service)
    return error("is claimed by two services; leave it to one");
  zone_.nodes[node].service = raced.service;
  return Ok{};
}

}  // namespace

Result<std::unique_ptr<const ZoneData>> build_zone(const ZoneText& text, const WireName& apex,
                                                   const std::vector<RacedName>& raced,
                                                   const wire::SipKey& key) {
  auto zone = std::make_unique<ZoneData>(key);
  zone->apex = apex;
  Builder builder(text, zone->apex, *zone);
  if (auto good = builder.build(); !good) return Error{good.error()};
  for (const RacedName& name : raced)
    if (auto good = builder.race(name); !good) return Error{good.error()};
  return std::unique_ptr<const ZoneData>(std::move(zone));
}

}  // namespace flagfall::dns
