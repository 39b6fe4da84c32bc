#include "sim/dns_text.hh"

#include <algorithm>
#include <cctype>

namespace flagfall::sim {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::uint16_t kOpt = 41, kCookie = 10;

/// The length of the name at `at`, a pointer included; nothing when it runs over the end.
std::optional<std::size_t> name_length(Bytes packet, std::size_t at) {
  for (std::size_t i = at; i < packet.size();) {
    const std::uint8_t n = packet[i];
    if (n == 0) return i + 1 - at;
    if ((n & 0xc0U) == 0xc0U) return i + 2 - at;
    i += std::size_t{n} + 1;
  }
  return std::nullopt;
}

void put_name(ByteWriter& w, const std::string& name, Random* random_case) {
  std::size_t from = 0;
  while (from < name.size()) {
    const std::size_t dot = std::min(name.find('.', from), name.size());
    w.u8(static_cast<std::uint8_t>(dot - from));
    for (; from < dot; ++from) {
      const auto c = static_cast<unsigned char>(name[from]);
      const bool flip = random_case != nullptr && std::isalpha(c) != 0 && (random_case->next() & 1U) != 0;
      w.u8(static_cast<std::uint8_t>(flip ? c ^ 0x20U : c));
    }
    ++from;
  }
  w.u8(0);
}

void read_options(Bytes data, AnswerText& out) {
  ByteReader in(data);
  while (in.left() > 0) {
    const std::uint16_t code = in.u16();
    const Bytes value = in.sized();
    if (in.ok() && code == kCookie) out.cookie.assign(value.begin(), value.end());
  }
}

bool read_record(Bytes packet, ByteReader& in, bool answer, AnswerText& out) {
  const auto owner = name_length(packet, in.position());
  if (!owner) return false;
  in.skip(*owner);
  const std::uint16_t type = in.u16();
  in.skip(2);
  const std::uint32_t ttl = in.u32();
  const Bytes data = in.sized();
  if (!in.ok()) return false;
  if (answer) out.ttl = std::min(out.ttl.value_or(ttl), ttl);
  if (answer && ((type == kTypeA && data.size() == 4) || (type == kTypeAaaa && data.size() == 16)))
    out.addresses.push_back(ip_from_bytes(data));
  if (type == kOpt) read_options(data, out);
  return true;
}

}  // namespace

std::vector<std::uint8_t> write_query(const QueryText& query, Random* random_case) {
  std::vector<std::uint8_t> out(512);
  ByteWriter w(out);
  w.u16(query.id);
  w.u16(0x0100);  // recursion desired: stub resolvers set it
  w.u16(1);
  w.u16(0);
  w.u16(0);
  w.u16(query.edns ? 1 : 0);
  put_name(w, query.name, random_case);
  w.u16(query.type);
  w.u16(1);
  if (query.edns) {
    w.u8(0);
    w.u16(kOpt);
    w.u16(1232);
    w.u32(0);
    w.u16(static_cast<std::uint16_t>(query.cookie.empty() ? 0 : query.cookie.size() + 4));
    if (!query.cookie.empty()) {
      w.u16(kCookie);
      w.sized(query.cookie);
    }
  }
  out.resize(w.size());
  return out;
}

Bytes question_of(Bytes packet) {
  if (packet.size() < kHeader || packet[4] != 0 || packet[5] != 1) return {};
  const auto name = name_length(packet, kHeader);
  if (!name || kHeader + *name + 4 > packet.size()) return {};
  return packet.subspan(kHeader, *name + 4);
}

std::optional<AnswerText> read_answer(Bytes packet) {
  ByteReader in(packet);
  AnswerText out;
  out.id = in.u16();
  const std::uint16_t flags = in.u16();
  in.skip(2);
  const unsigned answers = in.u16();
  const unsigned others = in.u16() + in.u16();
  const Bytes question = question_of(packet);
  if (!in.ok() || (flags & 0x8000U) == 0 || question.empty()) return std::nullopt;
  out.truncated = (flags & 0x0200U) != 0;
  out.rcode = flags & 0xfU;
  out.question.assign(question.begin(), question.end());
  in.skip(question.size());
  for (unsigned i = 0; i < answers + others; ++i)
    if (!read_record(packet, in, i < answers, out)) return std::nullopt;
  return out;
}

}  // namespace flagfall::sim
