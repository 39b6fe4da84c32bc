// The NTP provider's socket side: asks servers over UDP with the kernel's
// receive and transmit stamps and keeps the RefMap that follows. Stamps are
// CLOCK_REALTIME and come over to CLOCK_MONOTONIC by bracketed reads before and
// after; when those differ the clock was set meanwhile and the exchange is
// dropped. Never touches the system clock. Loop thread only; NtpPool decides
// everything.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "clocksync/ntp_pool.hh"
#include "clocksync/ref_clock.hh"
#include "common/base/ip.hh"
#include "common/base/random.hh"
#include "common/net/loop.hh"

namespace flagfall::clocksync {

struct NtpServerOptions {
  Endpoint address;
  std::uint32_t key_id = 0;
  std::vector<std::uint8_t> key{};  // AES-CMAC, 16 or 32 octets; empty: replies are not authenticated
  bool operator==(const NtpServerOptions&) const = default;
};

struct NtpOptions {
  std::vector<NtpServerOptions> servers;  // 1 to kMostServers
  Nanos poll_least = std::chrono::seconds(1);
  Nanos poll_most = std::chrono::seconds(16);
  bool interleave = true;
  NtpPool::Options pool{};
};

class NtpSource {
 public:
  /// The map was measured anew or its status changed; on the loop's thread.
  using Updated = std::function<void(const RefMap&)>;

  /// Starts at once; the first map comes about 0.3 s later. `loop`, `clock` and
  /// `random` outlive the source. Throws std::invalid_argument for keys of a wrong
  /// size and for no or too many servers; a server that is not there is a status.
  NtpSource(net::Loop& loop, const Clock& clock, Random& random, const NtpOptions& options, Updated updated);
  ~NtpSource();
  NtpSource(const NtpSource&) = delete;
  NtpSource& operator=(const NtpSource&) = delete;
  NtpSource(NtpSource&&) = delete;
  NtpSource& operator=(NtpSource&&) = delete;

  [[nodiscard]] const RefMap& current() const;
  [[nodiscard]] const NtpPool& pool() const;
  /// f(name, value): the clients' counters, summed over the servers, the pool's and the socket's own.
  void for_each_counter(const std::function<void(std::string_view, std::uint64_t)>& f) const;

 private:
  struct Shell;
  std::unique_ptr<Shell> shell_;
};

}  // namespace flagfall::clocksync
