#include "common/wire/quoted_answer.hh"

#include <algorithm>

namespace flagfall::wire {
namespace {

// QR, opcode, TC and the response code (RFC 1035 §4.1.1): a response to a QUERY, whole, NOERROR.
constexpr std::uint16_t kMask = 0x8000 | 0x7800 | 0x0200 | 0x000f;
constexpr std::uint16_t kPlainAnswer = 0x8000;
constexpr std::uint8_t kPointer = 0xc0;

/// A name without compression, lower case; false when there is none.
bool read_name(ByteReader& reader, QuotedAnswer& out) {
  for (;;) {
    const std::uint8_t length = reader.u8();
    const Bytes label = reader.bytes(length);
    if (!reader.ok() || length > kMaxLabel || out.name_length + 1 + length > kMaxName) return false;
    out.name[out.name_length++] = length;
    if (length == 0) return true;
    std::ranges::transform(label, out.name.begin() + static_cast<std::ptrdiff_t>(out.name_length), lower);
    out.name_length += length;
  }
}

/// An owner: labels, and a pointer or the root at their end.
bool skip_name(ByteReader& reader) {
  for (std::size_t passed = 0; passed <= kMaxName;) {
    const std::uint8_t length = reader.u8();
    if ((length & kPointer) == kPointer) {
      (void)reader.u8();
      return reader.ok();
    }
    if (!reader.ok() || length > kMaxLabel) return false;
    if (length == 0) return true;
    (void)reader.bytes(length);
    passed += std::size_t{1} + length;
  }
  return false;
}

/// One address record of the question's type; false at the quote's end, or at another record.
bool read_record(ByteReader& reader, QuotedAnswer& out) {
  if (!skip_name(reader)) return false;
  const std::uint16_t type = reader.u16();
  const std::uint16_t klass = reader.u16();
  const std::uint32_t ttl = reader.u32();
  const std::uint16_t length = reader.u16();
  const std::size_t size = out.type == rrtype::kA ? 4 : 16;
  if (type != out.type || klass != kClassIn || length != size) return false;
  const Bytes address = reader.bytes(size);
  if (!reader.ok()) return false;
  if (out.count == 0) out.ttl = ttl;
  out.addresses[out.count++] = ip_from_bytes(address);
  return true;
}

}  // namespace

std::optional<QuotedAnswer> parse_quoted_answer(Bytes payload) noexcept {
  ByteReader reader(payload);
  QuotedAnswer out;
  out.id = reader.u16();
  const std::uint16_t flags = reader.u16();
  const std::uint16_t questions = reader.u16();
  const std::uint16_t answers = reader.u16();
  (void)reader.u32();  // authority, additional
  if (!reader.ok() || (flags & kMask) != kPlainAnswer || questions != 1) return std::nullopt;
  if (!read_name(reader, out)) return std::nullopt;
  out.type = reader.u16();
  if (reader.u16() != kClassIn || (out.type != rrtype::kA && out.type != rrtype::kAaaa)) return std::nullopt;
  const std::size_t most = std::min<std::size_t>(answers, QuotedAnswer::kMost);
  while (out.count < most && read_record(reader, out)) {
  }
  if (out.count == 0) return std::nullopt;
  return out;
}

}  // namespace flagfall::wire
