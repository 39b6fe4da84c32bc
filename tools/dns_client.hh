// The client's side of a DNS exchange: one query written, one answer read
// (RFC 1035, 6891, 7873). Pure and total: any bytes give a verdict. It judges
// only whether an answer belongs to the query; what it is worth is the caller's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"
#include "common/base/random.hh"
#include "common/base/result.hh"

namespace flagfall::tools {

struct ClientCookie {
  std::array<std::uint8_t, 8> client{};
  std::vector<std::uint8_t> server = {};  // 8 to 32 octets, or empty before the first answer
};

struct Query {
  std::vector<std::uint8_t> name;  // wire form, as it is sent (case included)
  std::uint16_t type = 0;
  std::uint16_t id = 0;
  std::optional<ClientCookie> cookie = {};
};

/// "www.example.test" in wire form; escapes are not understood.
Result<std::vector<std::uint8_t>> wire_name(std::string_view text);
/// The first label that is `*` becomes twelve random characters; other names stay as they are.
std::string fill_pattern(std::string_view pattern, Random& random);
/// The case of each letter drawn by lot (draft-vixie-dnsext-dns0x20).
void randomize_case(std::vector<std::uint8_t>& name, Random& random);

/// Asks class IN, without recursion, with EDNS of 1232 octets and NSID. Returns the datagram.
std::vector<std::uint8_t> write_query(const Query& query);

struct Answer {
  std::uint16_t rcode = 0;  // 12 bits with EDNS
  bool truncated = false;
  std::vector<IpAddress> addresses = {};         // of the type that was asked, in the answer section
  std::string nsid = {};                         // printable characters only, others as '.'
  std::vector<std::uint8_t> server_cookie = {};  // for our client cookie, or empty
};

enum class AnswerVerdict : std::uint8_t {
  ok,
  wrong_id,        // of another query, or a guess
  wrong_question,  // of another question, or another case of it
  wrong_cookie,    // echoes a client cookie that is not ours (RFC 7873 §5.3)
  malformed,       // no answer at all
};

/// `answer` is good only after `ok`.
AnswerVerdict read_answer(Bytes datagram, const Query& query, Answer& answer);

/// "192.0.2.10", several joined by a comma; without addresses what it was instead: "NXDOMAIN", "NODATA",
/// "TRUNCATED".
std::string label(const Answer& answer);

}  // namespace flagfall::tools
