#include "common/dns/zone_records.hh"

#include <algorithm>

namespace flagfall::dns {
namespace {

constexpr std::size_t kOwnerIsQuestion = 0xc00c;
/// Pointers reach 16,383 octets into the message (RFC 1035 §4.1.4); header and question take at most 271.
constexpr std::size_t kPointerReach = 0x3fff - 512;
constexpr std::size_t kMostWritten = 32;  // names to search; compression beyond is not worth the load time
constexpr std::int16_t kTypeAndClass = 4;

/// Only these may hold compressed names (RFC 3597 §4).
bool compressible(std::uint16_t type) {
  return type == wire::rrtype::kNs || type == wire::rrtype::kCname || type == wire::rrtype::kSoa ||
         type == wire::rrtype::kPtr || type == wire::rrtype::kMx;
}

}  // namespace

void RecordBlock::u16(std::size_t value) {
  out_.bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  out_.bytes.push_back(static_cast<std::uint8_t>(value));
}

void RecordBlock::pointer(std::int16_t add) {
  if (known_.whole) {
    u16(0xc000U | (known_.suffix.size() + static_cast<std::size_t>(add)));
    return;
  }
  out_.pointers.push_back({static_cast<std::uint16_t>(out_.bytes.size()), add});
  u16(0);
}

void RecordBlock::name(Bytes name) {
  // The longest suffix that stands somewhere already, in the question or in this block.
  std::size_t shared = shared_suffix(name, known_.suffix);
  auto add = static_cast<std::int16_t>(static_cast<std::int16_t>(wire::kDnsHeader) -
                                       static_cast<std::int16_t>(shared));
  for (const Written& w : written_) {
    const std::size_t n = shared_suffix(name, bytes_of(w.name));
    if (n <= shared) continue;
    shared = n;
    add = static_cast<std::int16_t>(wire::kDnsHeader + kTypeAndClass + w.at + (w.name.size() - n));
  }
  const std::size_t at = out_.bytes.size();
  const Bytes own = name.first(name.size() - shared);
  if (follows_question_ && !own.empty() && at < kPointerReach && written_.size() < kMostWritten)
    written_.push_back({WireName(as_text(name)), at});
  out_.bytes.insert(out_.bytes.end(), own.begin(), own.end());
  if (shared == 1) {
    out_.bytes.push_back(0);
  } else {
    pointer(add);
  }
}

void RecordBlock::head(Bytes owner, std::uint16_t type, std::uint32_t ttl) {
  if (owner.empty()) {
    u16(kOwnerIsQuestion);
  } else {
    name(owner);
  }
  u16(type);
  u16(wire::kClassIn);
  u16(ttl >> 16);
  u16(ttl & 0xffff);
  ++out_.count;
}

void RecordBlock::rdata(const ZoneRecord& record) {
  const Bytes data = as_bytes(record.rdata);
  const std::size_t length_at = out_.bytes.size();
  u16(0);
  std::size_t done = 0;
  const auto copy_to = [&](std::size_t end) {
    const Bytes part = data.subspan(done, end - done);
    out_.bytes.insert(out_.bytes.end(), part.begin(), part.end());
    done = end;
  };
  if (compressible(record.type)) {
    for (const std::uint16_t at : record.names) {
      copy_to(at);
      name(record.name_at(at));
      done += record.name_at(at).size();
    }
  }
  copy_to(data.size());
  const std::size_t length = out_.bytes.size() - length_at - 2;
  out_.bytes[length_at] = static_cast<std::uint8_t>(length >> 8);
  out_.bytes[length_at + 1] = static_cast<std::uint8_t>(length);
}

void RecordBlock::add(const RrSet& set, Bytes owner) {
  for (const ZoneRecord* record : set.records) {
    head(owner, set.type, set.ttl);
    rdata(*record);
  }
}

void RecordBlock::add_plain(std::uint16_t type, std::uint32_t ttl, Bytes data) {
  head({}, type, ttl);
  u16(data.size());
  out_.bytes.insert(out_.bytes.end(), data.begin(), data.end());
}

void RecordBlock::add_dname(const RrSet& set) {
  add(set, known_.suffix);
  const std::size_t target = set.records.front()->rdata.size();
  out_.substitution = {.from = static_cast<std::uint16_t>(known_.suffix.size()),
                       .target = static_cast<std::uint16_t>(out_.bytes.size() - target)};
  head({}, wire::rrtype::kCname, set.ttl);
}

}  // namespace flagfall::dns
