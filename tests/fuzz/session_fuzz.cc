// Session messages: the first octet is how many octets are fed at a time, the rest
// a stream. The split must not matter, and what was read is written as it came
// (a Hello or Welcome of another version keeps its version only).
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/wire/session.hh"

namespace {

using namespace flagfall;  // NOLINT(google-build-using-namespace)
using State = wire::MessageReader::State;

bool other_version(const wire::Message& message) {
  if (const auto* hello = std::get_if<wire::Hello>(&message)) return hello->version != wire::kSessionVersion;
  if (const auto* welcome = std::get_if<wire::Welcome>(&message))
    return welcome->version != wire::kSessionVersion;
  return false;
}

struct Read {
  std::vector<std::uint8_t> frames;  // encoded again
  std::size_t messages = 0;
  std::string error;
};

Read read(Bytes stream, std::size_t step) {
  Read out;
  wire::MessageReader reader;
  wire::Message message;
  while (!stream.empty()) {
    Bytes part = stream.first(std::min(step, stream.size()));
    const std::size_t taken = reader.feed(part);
    stream = stream.subspan(taken);
    const State state = reader.next(message);
    if (state == State::malformed) {
      out.error = reader.error();
      if (out.error.empty()) std::abort();
      return out;
    }
    if (state == State::complete) {
      ++out.messages;
      const auto frame = wire::encode(message);
      if (frame.empty() != other_version(message)) std::abort();
      out.frames.insert(out.frames.end(), frame.begin(), frame.end());
    } else if (taken == 0) {
      std::abort();  // neither takes bytes nor gives a message
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes stream(data + 1, size - 1);
  const Read split = read(stream, std::size_t{data[0]} + 1);
  const Read whole = read(stream, std::max<std::size_t>(stream.size(), 1));
  if (split.messages != whole.messages || split.frames != whole.frames || split.error != whole.error)
    std::abort();
  // Without versions of others in it, the bytes are the same again.
  const bool exact =
      std::equal(whole.frames.begin(), whole.frames.end(), stream.begin(),
                 stream.begin() + static_cast<std::ptrdiff_t>(std::min(whole.frames.size(), stream.size())));
  bool foreign = false;
  wire::MessageReader reader;
  wire::Message message;
  for (Bytes rest = stream; !rest.empty();) {
    rest = rest.subspan(reader.feed(rest));
    const State state = reader.next(message);
    if (state == State::malformed) break;
    if (state == State::complete) foreign = foreign || other_version(message);
  }
  if (!foreign && !exact) std::abort();
  return 0;
}
