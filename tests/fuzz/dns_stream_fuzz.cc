// Any stream in any pieces gives the messages that it gives in one piece. The
// first octet seeds the pieces' sizes, the second sets the limit.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "common/base/random.hh"
#include "common/wire/dns_stream.hh"

using flagfall::Bytes;
using flagfall::wire::DnsStreamReader;
using State = DnsStreamReader::State;

namespace {

struct Outcome {
  std::vector<std::vector<std::uint8_t>> messages;
  bool malformed = false;
  bool operator==(const Outcome&) const = default;
};

/// Feeds one piece; false when the stream is lost.
bool feed(DnsStreamReader& reader, Bytes piece, Outcome& out) {
  while (!piece.empty()) {
    const auto step = reader.take(piece);
    if (step.taken > piece.size()) std::abort();
    piece = piece.subspan(step.taken);
    if (step.state == State::malformed) {
      out.malformed = true;
      return false;
    }
    if (step.state == State::need_more && !piece.empty()) std::abort();
    if (step.state == State::complete) out.messages.emplace_back(step.message.begin(), step.message.end());
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t most = 12 + std::size_t{data[1]} * 257;
  const Bytes stream(data + 2, size - 2);
  flagfall::SeededRandom random(data[0]);

  Outcome whole;
  DnsStreamReader one(most);
  feed(one, stream, whole);

  Outcome pieces;
  DnsStreamReader many(most);
  for (Bytes left = stream; !left.empty();) {
    const std::size_t n = std::min<std::size_t>(1 + random.next() % 9, left.size());
    const std::vector<std::uint8_t> piece(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(n));
    if (!feed(many, piece, pieces)) break;
    left = left.subspan(n);
  }
  if (whole != pieces) std::abort();
  for (const auto& message : whole.messages)
    if (message.size() < 12 || message.size() > most) std::abort();
  return 0;
}
