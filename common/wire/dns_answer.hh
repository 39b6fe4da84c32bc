// Answers written from prepared bytes: master and slaves make every DNS answer
// here. Pure; allocates nothing on the path. Decides nothing but what fits.
#pragma once

#include <vector>

#include "common/base/ip.hh"
#include "common/wire/dns.hh"

namespace flagfall::wire {

/// A compression pointer whose target moves with the length of the name asked
/// for (RFC 1035 §4.1.4): two octets at `at` become 0xC000 | (name length + add).
struct NamePointer {
  std::uint16_t at = 0;
  std::int16_t add = 0;
};

/// A CNAME made for each question from a DNAME (RFC 6672 §3.1): the records end
/// where its RDLENGTH belongs; its RDATA are the labels asked for before the
/// name's last `from` octets, and a pointer to the name at `target` here.
struct Substitution {
  std::uint16_t from = 0;  // 0: none
  std::uint16_t target = 0;
};

/// Records in wire form, ready to append to a question. Owners are compression
/// pointers, 0xC00C (the question's name) or one of `pointers`, or names
/// written out. `pointers` with `add` above 12 lead into these records and
/// are right only when they directly follow the question.
struct PreparedRecords {
  std::vector<std::uint8_t> bytes;
  std::vector<NamePointer> pointers;
  Substitution substitution;  // only when the records directly follow the question
  std::uint16_t count = 0;
};

/// A or AAAA records (by the addresses' family, which must be one) for the question's name; at load time.
PreparedRecords prepare_addresses(std::span<const IpAddress> addresses, std::uint32_t ttl);

struct AnswerOptions {
  Rcode rcode = Rcode::noerror;
  bool authoritative = true;
  bool truncated = false;                 // TC and no records, whatever fits
  Bytes nsid = {};                        // sent when the query asked, this is not empty, and it fits
  Bytes server_cookie = {};               // 16 octets (RFC 9018) sent behind the client's cookie, or empty
  std::optional<std::uint16_t> ede = {};  // RFC 8914 INFO-CODE, sent when the query has EDNS
  std::uint8_t subnet_scope = 0;          // told with the client subnet: the answer is true for so many bits
  std::uint16_t our_udp_size = 1232;      // what our OPT advertises (DNS flag day 2020)
};

/// Sections of one answer.
struct AnswerSections {
  const PreparedRecords* answer = nullptr;
  const PreparedRecords* authority = nullptr;
  const PreparedRecords* additional = nullptr;
  bool additional_required = false;  // a referral's glue: TC when it does not fit (RFC 9471)
};

/// Writes header, the question as it was asked, the sections, and OPT when the
/// query had one. What exceeds `limit` octets becomes an answer with TC and no
/// records (additional is left out first, without TC: RFC 2181 §9). A client
/// subnet comes back with options.subnet_scope; 0: good for every client (RFC 7871 §7.2.1).
/// Returns the length, at least the header. `limit` is 512 or more, and `room`
/// holds that much.
std::size_t write_answer(const DnsQuery& query, const AnswerSections& sections, const AnswerOptions& options,
                         std::size_t limit, MutableBytes room) noexcept;

/// What fits a UDP client that takes `query.udp_size`, when we send no more than `ours`.
constexpr std::size_t udp_limit(const DnsQuery& query, std::uint16_t ours) {
  const std::uint16_t least = query.udp_size < ours ? query.udp_size : ours;
  return least < kPlainUdpSize ? kPlainUdpSize : least;
}

}  // namespace flagfall::wire
