// DNS over TCP (RFC 1035 §4.2.2, RFC 7766 §8): each message follows its length
// in two octets. Pure; fed any split of the bytes; holds at most one message.
// One owner, the connection. Does not look into messages.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/base/bytes.hh"
#include "common/wire/dns.hh"

namespace flagfall::wire {

inline constexpr std::size_t kStreamPrefix = 2;

class DnsStreamReader {
 public:
  /// `most`: octets of the longest message taken, at least a header. Memory grows with what comes, to that.
  explicit DnsStreamReader(std::size_t most = kMaxDnsMessage);

  enum class State : std::uint8_t {
    complete,   // `message` holds one
    need_more,  // all bytes were taken
    malformed,  // a length below a header's or above `most`: close the connection; nothing more is taken
  };
  struct Step {
    State state = State::need_more;
    std::size_t taken = 0;  // of `bytes`; what is left goes into the next call
    Bytes message;          // valid until the next call, and only as long as `bytes` is
  };
  /// Takes bytes up to the end of one message.
  Step take(Bytes bytes);

  /// Nothing of a message has come yet: the peer may close here without loss.
  [[nodiscard]] bool at_boundary() const { return prefix_used_ == 0; }

 private:
  std::size_t most_;
  std::array<std::uint8_t, kStreamPrefix> prefix_{};
  std::size_t prefix_used_ = 0;
  std::size_t length_ = 0;
  std::vector<std::uint8_t> buffer_;
  bool malformed_ = false;
};

/// The two octets that go before a message of `length`, at most 65,535.
std::array<std::uint8_t, kStreamPrefix> stream_prefix(std::size_t length);

}  // namespace flagfall::wire
