#include "collect/dns_probe.hh"

#include <fmt/core.h>

#include <algorithm>

#include "common/wire/dns.hh"

namespace flagfall::collect {
namespace {

constexpr std::uint16_t kResponse = 0x8000;  // RFC 1035 §4.1.1
constexpr std::uint16_t kTruncated = 0x0200;
constexpr std::uint16_t kRcode = 0x000f;

}  // namespace

std::optional<std::vector<std::uint8_t>> encode_dns_name(std::string_view name) {
  std::vector<std::uint8_t> out;
  if (name.empty()) return std::nullopt;
  if (name.ends_with('.')) name.remove_suffix(1);
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    if (label.empty() || label.size() > wire::kMaxLabel) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(label.size()));
    for (const char c : label) {
      if (c <= 0x20 || c > 0x7e || c == '\\') return std::nullopt;
      out.push_back(static_cast<std::uint8_t>(c));
    }
    name.remove_prefix(label.size());
    if (name.empty()) break;
    name.remove_prefix(1);
    if (name.empty()) return std::nullopt;  // two dots at the end
  }
  out.push_back(0);
  if (out.size() > wire::kMaxName) return std::nullopt;
  return out;
}

std::vector<std::uint8_t> encode_dns_question(std::uint16_t id, Bytes name, std::uint16_t type) {
  std::vector<std::uint8_t> out(wire::kDnsHeader + name.size() + 4);
  ByteWriter writer(out);
  writer.u16(id);
  writer.u16(0);  // a plain query
  writer.u16(1);
  writer.u16(0);
  writer.u32(0);
  writer.bytes(name);
  writer.u16(type);
  writer.u16(wire::kClassIn);
  return out;
}

std::optional<Finding> judge_dns_answer(Bytes answer, Bytes question) {
  ByteReader reader(answer);
  const std::uint16_t id = reader.u16();
  const std::uint16_t flags = reader.u16();
  const std::uint16_t questions = reader.u16();
  const std::uint16_t records = reader.u16();
  reader.skip(4);
  const Bytes asked = question.subspan(wire::kDnsHeader);
  const Bytes echoed = reader.bytes(asked.size());
  if (!reader.ok() || id != ByteReader(question).u16() || (flags & kResponse) == 0 || questions != 1 ||
      !std::equal(asked.begin(), asked.end(), echoed.begin(), echoed.end()))
    return std::nullopt;
  using Verdict = Finding::Verdict;
  const unsigned rcode = flags & kRcode;
  if (rcode != 0) return Finding{Verdict::bad, fmt::format("rcode {}", rcode)};
  if (records == 0 && (flags & kTruncated) == 0) return Finding{Verdict::bad, "no such record"};
  return Finding{Verdict::good, {}};
}

}  // namespace flagfall::collect
