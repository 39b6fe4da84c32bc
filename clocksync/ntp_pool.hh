// Several NTP servers, one RefMap: a client and an estimator for each, agreement
// among them, and the best of those that agree. Pure; one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clocksync/estimator.hh"
#include "clocksync/ntp_client.hh"
#include "clocksync/ref_clock.hh"
#include "clocksync/selection.hh"

namespace flagfall::clocksync {

/// Written by the pool's thread, read by any.
struct PoolCounters {
  Counter restarted;  // a clock was set: a window began anew
  Counter doubted;    // exchanges that contradict their window
  Counter shortened;  // windows cut because a rate changed
  Counter outvoted;   // times that a server was found to be a falseticker
  Counter disagreed;  // times that there was no majority
  template <class F>
  void for_each(F f) const;
};

class NtpPool {
 public:
  struct Options {
    Estimator::Options estimator;
    /// Servers that must agree, besides being a majority of those that are not known to be dead.
    unsigned agree = 1;
    /// Age of the newest exchange at which the map is free-running, and at which it is unknown; or
    /// as many polls, if that is longer.
    Nanos free_running_after = std::chrono::seconds(5);
    Nanos unknown_after = std::chrono::seconds(64);
  };
  static constexpr unsigned kFreeRunningPolls = 3;
  static constexpr unsigned kUnknownPolls = 4;

  /// 1 to kMostServers of them.
  NtpPool(std::vector<NtpClient::Options> servers, const Options& options);

  [[nodiscard]] std::size_t size() const { return servers_.size(); }
  [[nodiscard]] NtpClient& client(std::size_t i) { return servers_[i]->client; }
  [[nodiscard]] const NtpClient& client(std::size_t i) const { return servers_[i]->client; }
  [[nodiscard]] const Estimator& estimator(std::size_t i) const { return servers_[i]->estimator; }
  /// Server i does not agree with the majority.
  [[nodiscard]] bool falseticker(std::size_t i) const { return servers_[i]->falseticker; }

  /// What client(i) made of a reply; then judges. True: the map is new.
  bool take(std::size_t i, const NtpClient::Reply& reply, MonoTime now);
  /// Once a poll, so that silence is noticed. True: the map's status changed.
  bool judge(MonoTime now);

  [[nodiscard]] const RefMap& map() const { return map_; }
  /// Whom the map comes from; meaningful unless its status is unknown.
  [[nodiscard]] std::size_t best() const { return best_; }
  [[nodiscard]] const PoolCounters& counters() const { return counters_; }

 private:
  struct Server {
    Server(NtpClient::Options client_options, const Estimator::Options& estimator_options)
        : client(std::move(client_options)), estimator(estimator_options) {}
    NtpClient client;
    Estimator estimator;
    bool falseticker = false;
  };
  static Nanos limit(const Server& server, Nanos least, unsigned polls);
  [[nodiscard]] bool fresh(const Server& server, MonoTime now) const;
  static bool alive(const Server& server);
  [[nodiscard]] std::string silence() const;
  void choose(const std::array<bool, kMostServers>& eligible, const Agreement& agreed, MonoTime now);
  bool set_unknown(std::string why);

  Options options_;
  PoolCounters counters_;
  std::vector<std::unique_ptr<Server>> servers_;
  RefMap map_;
  std::size_t best_ = 0;
};

template <class F>
void PoolCounters::for_each(F f) const {
  f("clock_restarted", restarted);
  f("clock_doubted", doubted);
  f("clock_shortened", shortened);
  f("clock_outvoted", outvoted);
  f("clock_disagreed", disagreed);
}

}  // namespace flagfall::clocksync
