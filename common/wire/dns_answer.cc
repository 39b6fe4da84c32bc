#include "common/wire/dns_answer.hh"

#include <cassert>

namespace flagfall::wire {
namespace {

constexpr std::uint16_t kOwnerIsQuestion = 0xc00c;
constexpr unsigned kPointer = 0xc000;
constexpr std::uint16_t kFlagResponse = 0x8000;
constexpr std::uint16_t kFlagOpcode = 0x7800;
constexpr std::uint16_t kFlagAuthoritative = 0x0400;
constexpr std::uint16_t kFlagTruncated = 0x0200;
constexpr std::uint16_t kFlagRecursionDesired = 0x0100;
constexpr std::uint16_t kOptNsid = 3, kOptSubnet = 8, kOptCookie = 10, kOptExtendedError = 15;
constexpr std::size_t kOptFixed = 11;  // RFC 6891 §6.1.2 without options
constexpr std::size_t kOptionHeader = 4;

/// Which options this answer's OPT carries, and how long that makes it.
struct Opt {
  bool nsid = false, cookie = false, subnet = false, error = false;
  std::size_t size = 0;
};

/// `left`: octets behind the question; `records`: what the answer's needs of them.
Opt plan_opt(const DnsQuery& query, const AnswerOptions& options, std::size_t left, std::size_t records) {
  Opt opt;
  if (!query.edns) return opt;
  opt.size = kOptFixed;
  opt.cookie = query.client_cookie && !options.server_cookie.empty();
  if (opt.cookie) opt.size += kOptionHeader + query.client_cookie->size() + options.server_cookie.size();
  opt.error = options.ede.has_value();
  if (opt.error) opt.size += kOptionHeader + 2;
  opt.subnet =
      !query.client_subnet.empty() && (options.rcode == Rcode::noerror || options.rcode == Rcode::nxdomain);
  if (opt.subnet) opt.size += kOptionHeader + query.client_subnet.size();
  // NSID never takes the room of records; where they do not fit anyway, theirs is free.
  if (opt.size + records <= left) left -= records;
  opt.nsid = query.nsid && !options.nsid.empty() && opt.size + kOptionHeader + options.nsid.size() <= left;
  if (opt.nsid) opt.size += kOptionHeader + options.nsid.size();
  return opt;
}

void write_opt(ByteWriter& out, const Opt& opt, const DnsQuery& query, const AnswerOptions& options) {
  out.u8(0);  // the root
  out.u16(rrtype::kOpt);
  out.u16(options.our_udp_size);
  out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(options.rcode) >> 4));
  out.u8(0);  // version
  out.u16(query.dnssec_ok ? 0x8000 : 0);
  out.u16(static_cast<std::uint16_t>(opt.size - kOptFixed));
  if (opt.nsid) {
    out.u16(kOptNsid);
    out.sized(options.nsid);
  }
  if (opt.cookie) {
    out.u16(kOptCookie);
    out.u16(static_cast<std::uint16_t>(query.client_cookie->size() + options.server_cookie.size()));
    out.bytes(*query.client_cookie);
    out.bytes(options.server_cookie);
  }
  if (opt.subnet) {
    out.u16(kOptSubnet);
    out.u16(static_cast<std::uint16_t>(query.client_subnet.size()));
    out.bytes(query.client_subnet.first(3));
    // No length, no client: the answer cannot have been made for it.
    out.u8(query.client_subnet[2] == 0 ? 0 : options.subnet_scope);
    out.bytes(query.client_subnet.subspan(4));
  }
  if (opt.error) {
    out.u16(kOptExtendedError);
    out.u16(2);
    out.u16(*options.ede);
  }
}

/// Octets of the labels that a substitution takes over from the question.
std::size_t labels_kept(const PreparedRecords& records, const DnsQuery& query) {
  return query.name_length - records.substitution.from;
}

std::size_t size_of(const PreparedRecords* records, const DnsQuery& query) {
  if (records == nullptr) return 0;
  const std::size_t made = records->substitution.from == 0 ? 0 : 2 + labels_kept(*records, query) + 2;
  return records->bytes.size() + made;
}

std::uint16_t count_of(const PreparedRecords* records) {
  return records == nullptr ? std::uint16_t{0} : records->count;
}

/// Copies the records and points their names into this question.
void write_records(ByteWriter& out, const PreparedRecords* records, const DnsQuery& query,
                   MutableBytes room) {
  if (records == nullptr) return;
  const std::size_t start = out.size();
  out.bytes(records->bytes);
  for (const NamePointer& p : records->pointers) {
    const auto target = static_cast<unsigned>(static_cast<int>(query.name_length) + p.add);
    room[start + p.at] = static_cast<std::uint8_t>((kPointer | target) >> 8);
    room[start + p.at + 1] = static_cast<std::uint8_t>(target);
  }
  if (records->substitution.from == 0) return;
  const Bytes labels = query.packet.subspan(kDnsHeader, labels_kept(*records, query));
  out.u16(static_cast<std::uint16_t>(labels.size() + 2));
  out.bytes(labels);
  out.u16(static_cast<std::uint16_t>(kPointer | (start + records->substitution.target)));
}

}  // namespace

PreparedRecords prepare_addresses(std::span<const IpAddress> addresses, std::uint32_t ttl) {
  PreparedRecords out;
  for (const IpAddress& ip : addresses) {
    assert(ip.family == addresses.front().family);
    std::array<std::uint8_t, 12 + 16> record{};
    ByteWriter w(record);
    w.u16(kOwnerIsQuestion);
    w.u16(ip.family == Family::v4 ? rrtype::kA : rrtype::kAaaa);
    w.u16(kClassIn);
    w.u32(ttl);
    w.sized(ip.bytes());
    out.bytes.insert(out.bytes.end(), w.written().begin(), w.written().end());
    ++out.count;
  }
  return out;
}

std::size_t write_answer(const DnsQuery& query, const AnswerSections& sections, const AnswerOptions& options,
                         std::size_t limit, MutableBytes room) noexcept {
  assert(limit >= kPlainUdpSize && room.size() >= limit);
  const Bytes question = query.packet.subspan(kDnsHeader, query.question_end - kDnsHeader);
  const std::size_t start = kDnsHeader + question.size();
  const std::size_t records = size_of(sections.answer, query) + size_of(sections.authority, query);
  const Opt opt = plan_opt(query, options, limit - start, records);

  const std::size_t needed = start + opt.size + records;
  const bool extra = needed + size_of(sections.additional, query) <= limit;
  const bool truncated = options.truncated || needed > limit || (!extra && sections.additional_required);
  const PreparedRecords* answer = truncated ? nullptr : sections.answer;
  const PreparedRecords* authority = truncated ? nullptr : sections.authority;
  const PreparedRecords* additional = truncated || !extra ? nullptr : sections.additional;

  unsigned flags = kFlagResponse | (query.flags & (kFlagOpcode | kFlagRecursionDesired));
  if (options.authoritative) flags |= kFlagAuthoritative;
  if (truncated) flags |= kFlagTruncated;
  flags |= static_cast<unsigned>(options.rcode) & 0x0f;

  ByteWriter out(room.first(limit));
  out.u16(query.id);
  out.u16(static_cast<std::uint16_t>(flags));
  out.u16(question.empty() ? 0 : 1);
  out.u16(count_of(answer));
  out.u16(count_of(authority));
  out.u16(static_cast<std::uint16_t>(count_of(additional) + (query.edns ? 1 : 0)));
  out.bytes(question);
  write_records(out, answer, query, room);
  write_records(out, authority, query, room);
  write_records(out, additional, query, room);
  if (query.edns) write_opt(out, opt, query, options);
  assert(out.ok());
  return out.size();
}

}  // namespace flagfall::wire
