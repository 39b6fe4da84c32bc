#include "tools/dns_client.hh"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "common/wire/dns.hh"

namespace flagfall::tools {
namespace {

using wire::kDnsHeader;
using wire::kMaxLabel;
using wire::kMaxName;

constexpr std::uint16_t kUdpSize = 1232;  // DNS flag day 2020
constexpr std::uint16_t kOptNsid = 3;     // RFC 5001
constexpr std::uint16_t kOptCookie = 10;  // RFC 7873
constexpr std::size_t kClientCookie = 8;
constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kTruncated = 0x0200;
/// Compression pointers only lead backwards, and a name has no more labels than this.
constexpr unsigned kMaxHops = 128;

/// Reads past a name, compressed or not (RFC 1035 §4.1.4), without following its pointer.
bool skip_name(ByteReader& in) {
  for (unsigned labels = 0; labels < kMaxHops; ++labels) {
    const std::uint8_t length = in.u8();
    if (!in.ok()) return false;
    if (length == 0) return true;
    if ((length & 0xc0U) == 0xc0U) {
      in.skip(1);
      return in.ok();
    }
    if (length > kMaxLabel) return false;
    in.skip(length);
  }
  return false;
}

std::string printable(Bytes bytes) {
  std::string out;
  for (const std::uint8_t c : bytes) out += c >= 0x20 && c < 0x7f ? static_cast<char>(c) : '.';
  return out;
}

/// False when the cookie that came back is not for our query.
bool read_options(Bytes data, const Query& query, Answer& answer) {
  ByteReader in(data);
  while (in.ok() && in.left() > 0) {
    const std::uint16_t code = in.u16();
    const Bytes option = in.sized();
    if (!in.ok()) break;
    if (code == kOptNsid) answer.nsid = printable(option);
    if (code == kOptCookie && query.cookie && option.size() >= kClientCookie) {
      if (!std::ranges::equal(option.first(kClientCookie), query.cookie->client)) return false;
      const Bytes server = option.subspan(kClientCookie);
      if (server.size() >= 8 && server.size() <= 32)
        answer.server_cookie.assign(server.begin(), server.end());
    }
  }
  return true;
}

struct Record {
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  Bytes data;
};

bool read_record(ByteReader& in, Record& out) {
  if (!skip_name(in)) return false;
  out.type = in.u16();
  in.skip(2);
  out.ttl = in.u32();
  out.data = in.sized();
  return in.ok();
}

void take_address(const Record& record, std::uint16_t wanted, Answer& answer) {
  if (record.type != wanted) return;
  const bool a = record.type == wire::rrtype::kA && record.data.size() == 4;
  const bool aaaa = record.type == wire::rrtype::kAaaa && record.data.size() == 16;
  if (a || aaaa) answer.addresses.push_back(ip_from_bytes(record.data));
}

}  // namespace

Result<std::vector<std::uint8_t>> wire_name(std::string_view text) {
  std::vector<std::uint8_t> out;
  std::string_view rest = text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find('.'));
    if (one.empty()) return Error{fmt::format("'{}' has an empty label", text)};
    if (one.size() > kMaxLabel)
      return Error{fmt::format("'{}' has a label of more than {} characters", text, kMaxLabel)};
    out.push_back(static_cast<std::uint8_t>(one.size()));
    out.insert(out.end(), one.begin(), one.end());
    if (one.size() == rest.size()) break;
    rest.remove_prefix(one.size() + 1);
    if (rest.empty()) return Error{fmt::format("'{}' has an empty label", text)};
  }
  out.push_back(0);
  if (out.size() > kMaxName) return Error{fmt::format("'{}' is longer than a name may be", text)};
  return out;
}

std::string fill_pattern(std::string_view pattern, Random& random) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz012345";  // 32: five bits each
  std::string out;
  bool filled = false;
  for (std::size_t at = 0; at <= pattern.size();) {
    const std::size_t end = std::min(pattern.find('.', at), pattern.size());
    const std::string_view one = pattern.substr(at, end - at);
    if (one == "*" && !filled) {
      filled = true;
      std::uint64_t bits = random.next();
      for (int i = 0; i < 12; ++i, bits >>= 5) out += kAlphabet.at(bits & 31U);
    } else {
      out += one;
    }
    if (end < pattern.size()) out += '.';
    at = end + 1;
  }
  return out;
}

void randomize_case(std::vector<std::uint8_t>& name, Random& random) {
  std::uint64_t bits = 0;
  unsigned left = 0;
  // Lengths are at most 63 and so never letters.
  for (std::uint8_t& c : name) {
    if (wire::lower(c) < 'a' || wire::lower(c) > 'z') continue;
    if (left == 0) {
      bits = random.next();
      left = 64;
    }
    c = static_cast<std::uint8_t>((bits & 1U) != 0 ? c ^ 0x20U : c);
    bits >>= 1;
    --left;
  }
}

std::vector<std::uint8_t> write_query(const Query& query) {
  std::vector<std::uint8_t> out(kDnsHeader + kMaxName + 128);
  ByteWriter w(out);
  w.u16(query.id);
  w.u16(0);
  for (const bool one : {true, false, false, true}) w.u16(one ? 1 : 0);  // a question, and OPT
  w.bytes(query.name);
  w.u16(query.type);
  w.u16(wire::kClassIn);
  // OPT (RFC 6891 §6.1.2): root, type, UDP size, extended rcode, version, flags, options.
  w.u8(0);
  w.u16(wire::rrtype::kOpt);
  w.u16(kUdpSize);
  w.u32(0);
  const std::size_t cookie = query.cookie ? kClientCookie + query.cookie->server.size() : 0;
  w.u16(static_cast<std::uint16_t>(4 + (cookie == 0 ? 0 : 4 + cookie)));
  w.u16(kOptNsid);
  w.u16(0);
  if (query.cookie) {
    w.u16(kOptCookie);
    w.u16(static_cast<std::uint16_t>(cookie));
    w.bytes(query.cookie->client);
    w.bytes(query.cookie->server);
  }
  out.resize(w.size());
  return out;
}

AnswerVerdict read_answer(Bytes datagram, const Query& query, Answer& answer) {
  answer = {};
  ByteReader in(datagram);
  const std::uint16_t id = in.u16();
  const std::uint16_t flags = in.u16();
  const std::uint16_t questions = in.u16();
  const std::uint16_t answers = in.u16();
  const std::uint16_t authorities = in.u16();
  const std::uint16_t additionals = in.u16();
  if (!in.ok() || (flags & kResponse) == 0) return AnswerVerdict::malformed;
  if (id != query.id) return AnswerVerdict::wrong_id;
  answer.rcode = flags & 0xfU;
  answer.truncated = (flags & kTruncated) != 0;
  if (questions != 1) return AnswerVerdict::wrong_question;
  // A question is never compressed: its name must be ours, octet by octet.
  if (!std::ranges::equal(in.bytes(query.name.size()), query.name)) return AnswerVerdict::wrong_question;
  const std::uint16_t type = in.u16();
  const std::uint16_t klass = in.u16();
  if (!in.ok() || type != query.type || klass != wire::kClassIn) return AnswerVerdict::wrong_question;
  const unsigned total = unsigned{answers} + authorities + additionals;
  for (unsigned i = 0; i < total; ++i) {
    Record record;
    if (!read_record(in, record)) return AnswerVerdict::malformed;
    if (i < answers) take_address(record, query.type, answer);
    if (i < unsigned{answers} + authorities || record.type != wire::rrtype::kOpt) continue;
    answer.rcode = static_cast<std::uint16_t>(answer.rcode | ((record.ttl >> 24U) << 4U));
    if (!read_options(record.data, query, answer)) return AnswerVerdict::wrong_cookie;
  }
  return AnswerVerdict::ok;
}

std::string label(const Answer& answer) {
  // RFC 1035 §4.1.1, RFC 2136 §2.2, RFC 6891 §9, RFC 7873 §8.
  static const std::map<std::uint16_t, std::string_view> kNames{
      {1, "FORMERR"}, {2, "SERVFAIL"}, {3, "NXDOMAIN"}, {4, "NOTIMP"},   {5, "REFUSED"},  {6, "YXDOMAIN"},
      {7, "YXRRSET"}, {8, "NXRRSET"},  {9, "NOTAUTH"},  {10, "NOTZONE"}, {16, "BADVERS"}, {23, "BADCOOKIE"}};
  if (answer.rcode != 0) {
    const auto name = kNames.find(answer.rcode);
    return name == kNames.end() ? fmt::format("RCODE{}", answer.rcode) : std::string(name->second);
  }
  if (answer.addresses.empty()) return answer.truncated ? "TRUNCATED" : "NODATA";
  std::string out;
  for (const IpAddress& address : answer.addresses) out += (out.empty() ? "" : ",") + to_string(address);
  return out;
}

}  // namespace flagfall::tools
