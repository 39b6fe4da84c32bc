// Answers written from prepared bytes: master and slaves make every DNS answer
// here. Pure; allocates nothing on the path.
#pragma once

#include <vector>

#include "common/base/ip.hh"
#include "common/wire/dns.hh"

namespace flagfall::wire {

/// Records in wire form, ready to append to a question. Owners are compression
/// pointers: 0xC00C (the question's name), or names written out.
struct PreparedRecords {
  std::vector<std::uint8_t> bytes;
  std::uint16_t count = 0;
};

/// A or AAAA records (by the addresses' family, which must be one) for the question's name; at load time.
PreparedRecords prepare_addresses(std::span<const IpAddress> addresses, std::uint32_t ttl);

struct AnswerOptions {
  Rcode rcode = Rcode::noerror;
  bool authoritative = true;
  Bytes nsid;                        // sent when the query asked and this is not empty
  Bytes server_cookie;               // 16 octets (RFC 9018) sent behind the client's cookie, or empty
  std::optional<std::uint16_t> ede;  // RFC 8914 INFO-CODE, sent when the query has EDNS
  std::uint16_t our_udp_size = 1232; // what our OPT advertises (DNS flag day 2020)
};

/// Sections of one answer.
struct AnswerSections {
  const PreparedRecords* answer = nullptr;
  const PreparedRecords* authority = nullptr;
  const PreparedRecords* additional = nullptr;
};

/// Writes header, the question as it was asked, the sections, and OPT when the
/// query had one. What exceeds `limit` octets becomes an answer with TC and no
/// records (additional is left out first, without TC). Returns the length, at
/// least the header; `room` must hold `limit` octets and be at least 512.
std::size_t write_answer(const DnsQuery& query, const AnswerSections& sections, const AnswerOptions& options,
                         std::size_t limit, MutableBytes room) noexcept;

}  // namespace flagfall::wire
