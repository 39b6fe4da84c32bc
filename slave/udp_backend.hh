// The shell around one UDP backend's BackendSlots: its sockets. Asks, hears, gives up, and opens new sockets
// in the place of those that timed out. Loop thread only; nothing on the path of a request allocates.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.hh"
#include "common/base/counters.hh"
#include "common/net/fd.hh"
#include "common/net/loop.hh"
#include "slave/backend_config.hh"
#include "slave/backend_health.hh"
#include "slave/backend_slots.hh"
#include "slave/port_rest.hh"
#include "slave/shot.hh"

namespace flagfall::slave {

/// Written by the loop thread, read by any.
struct UdpBackendCounters {
  Counter requests;  // sent to it
  Counter answers;
  Counter silent;   // requests that it did not answer in time
  Counter refused;  // nobody listened at its port, or the way there is shut
  Counter full;     // requests that found no free socket
  Counter stray;    // datagrams that no request waited for: late ones, second ones
  Counter broken;   // sockets that could not be opened
  Counter probes;

  template <class F>
  void for_each(F f) const {
    f("requests", requests);
    f("answers", answers);
    f("silent", silent);
    f("refused", refused);
    f("full", full);
    f("stray", stray);
    f("broken", broken);
    f("probes", probes);
  }
};

class UdpBackend {
 public:
  struct Callbacks {
    /// The answer to what ask() was given `whose` for, valid during the call; longer ones than that has room
    /// for show their whole length.
    std::function<void(std::uint32_t whose, Bytes answer, std::size_t length)> answered;
    /// There will be none.
    std::function<void(std::uint32_t whose)> unanswered;
    /// up() is another.
    std::function<void(bool up)> changed;
  };
  /// Opens the sockets; one that cannot be opened is tried again. `loop` and `clock` outlive it.
  UdpBackend(const BackendConfig& config, net::Loop& loop, const Clock& clock, PortRest& ports,
             Callbacks callbacks);

  /// One of the callbacks follows, for `unanswered` maybe before it returns. `whose` is not kProbe.
  /// `from`: whose it is; none: ours.
  void ask(std::uint32_t whose, Bytes request, const std::optional<ProxiedRequest>& from = {});

  static constexpr std::uint32_t kProbe = UINT32_MAX;
  [[nodiscard]] const BackendConfig& config() const { return config_; }
  [[nodiscard]] bool up() const { return health_.up(); }
  [[nodiscard]] std::size_t waiting() const { return slots_.waiting(); }
  [[nodiscard]] const UdpBackendCounters& counters() const { return counters_; }

 private:
  struct Socket {
    net::Fd fd;
    std::uint16_t port = 0;
    net::Watch watch;
  };
  void tick();
  bool open(std::uint32_t slot, MonoTime now);
  void mend(MonoTime now);
  void hear(std::uint32_t slot);
  void drain(std::uint32_t slot);
  void refused(std::uint32_t slot, MonoTime now, int error);
  void give_up(std::uint32_t whose) const;
  void tell();

  BackendConfig config_;
  net::Loop& loop_;
  const Clock& clock_;  // NOLINT(*-ref-data-members)
  Callbacks callbacks_;
  BackendSlots slots_;
  BackendHealth health_;
  PortRest& ports_;
  std::vector<Socket> sockets_;
  std::vector<std::uint8_t> probe_;
  std::vector<std::uint8_t> room_;
  MonoTime next_probe_;
  bool told_up_ = false;
  UdpBackendCounters counters_;
  net::Watch ticker_;
};

}  // namespace flagfall::slave
