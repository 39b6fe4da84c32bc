// Bounds what a forged source can make of a name server's UDP answers: each client network has a bucket of
// them; of what is more, every so-many-th answer is cut to its question with TC, so that a real client behind
// a forged flood comes back over TCP, and the others are not sent ("response rate limiting" with "slip", as
// NSD, BIND and Knot have it). Errors count like answers. Who shows a valid cookie or asks over TCP is real,
// and not for here. Pure; one object a loop, one owner thread; allocates nothing on the path.
#pragma once

#include "common/base/bucket_table.hh"
#include "common/base/network_hash.hh"

namespace flagfall::dns {

class RateLimit {
 public:
  struct Options {
    /// Answers to one network: NSD's rate, and twice that at once. A rate of 0: no limit.
    BucketLimit network{200, 400};
    unsigned slip = 2;  // which of the limited answers is cut: 1 each, 2 every other; 0: none
    unsigned prefix_v4 = 24;
    unsigned prefix_v6 = 56;
  };
  enum class Verdict : std::uint8_t { answer, truncate, drop };

  /// `random` is only used during the call.
  RateLimit(const Options& options, Random& random);

  /// Another rate and slip from now on, between two answers; networks stay what they are. Nobody has used
  /// anything of the new rate yet. Nothing happens when they are the same.
  void use(const Options& options);

  /// What becomes of one more answer to this client.
  [[nodiscard]] Verdict judge(const IpAddress& client, MonoTime now) noexcept;
  /// Asks for the memory that judge() will look at, and does not wait for it.
  void prepare(const IpAddress& client) const noexcept {
    if (limited_) networks_.prepare(hash_(client));
  }

 private:
  BucketLimit limit_;
  bool limited_;
  unsigned slip_;
  unsigned since_slip_ = 0;  // limited answers since the last that was cut
  TokenBucket bucket_;
  NetworkHash hash_;
  BucketTable networks_;
};

}  // namespace flagfall::dns
