// What the shell common/net/session_stream.hh does for a connection, without the
// sockets: messages out as frames, octets in as messages, the limit on what lies
// unsent.
#pragma once

#include <utility>

#include "common/wire/session.hh"
#include "sim/host.hh"

namespace flagfall::sim {

/// SessionStream::kOutput.
inline constexpr std::size_t kMostUnsent = std::size_t{256} * 1024;

/// False when it does not fit, or breaks a limit.
inline bool send_message(Host& host, StreamId id, const wire::Message& message) {
  const auto frame = wire::encode(message);
  Streams& streams = host.world().streams;
  if (frame.empty() || streams.unsent(id, host.id()) + frame.size() > kMostUnsent) return false;
  streams.write(id, host.id(), frame);
  return true;
}

/// The most that a reader may hold: one frame.
class SessionReader {
 public:
  /// `message` for each one; `malformed` once; `open` says whether to go on.
  template <class Message, class Malformed, class Open>
  void take(Bytes bytes, Message&& message, Malformed&& malformed, Open&& open) {
    wire::Message out;
    while (!bytes.empty() && open()) {
      bytes = bytes.subspan(reader_.feed(bytes));
      const auto state = reader_.next(out);
      if (state == wire::MessageReader::State::malformed) return malformed(reader_.error());
      if (state == wire::MessageReader::State::complete) message(std::move(out));
    }
  }

 private:
  wire::MessageReader reader_;
};

}  // namespace flagfall::sim
