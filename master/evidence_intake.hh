// Turns what collectors report into what the directors take: pings and TCP paths into measures, loads into a
// server's load, checks into its health; and says which clients shall be pinged. Pure; control thread only.
#pragma once

#include <compare>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "common/base/token_bucket.hh"
#include "common/wire/evidence.hh"
#include "director/capacity.hh"
#include "director/evidence.hh"
#include "master/config.hh"

namespace flagfall::master {

/// A slave's measures without the server, which depends on the service.
std::vector<director::Measure> measures_of(const wire::Evidence& evidence);

/// Of the server's cgroup where its collector reports one, and what that does not tell of the machine; none:
/// nothing was reported. What is not known is not a number, so that nobody takes it for nothing; no swap is
/// none free.
std::optional<director::ServerLoad> load_of(const std::vector<wire::Load>& loads, MonoTime at);

/// All checks that speak for these addresses: down when one is, otherwise unknown when one is; up without
/// any.
wire::Health health_of(const std::vector<wire::Check>& checks, const std::vector<IpAddress>& answers);

/// Client networks that are pinged: soon when they are new, at once when a query waits for that, and then at
/// a set pace for as long as their clients ask.
class PingWants {
 public:
  /// A network that nobody has asked from for so long is left alone. Known ones are told of by a sample of
  /// their queries (AskedNetworks).
  static constexpr Nanos kStay = std::chrono::minutes(2);
  /// Waiting at once; who comes later is told of again by the request loops.
  static constexpr std::size_t kMost = 4096;
  /// Of one turn, for each slave.
  static constexpr std::size_t kTurn = 64;

  /// `every`: between two pings of a network.
  explicit PingWants(Nanos every) : every_(every) {}

  /// `waits`: it is among those that hurry() gives, too.
  void want(std::uint16_t service, const IpAddress& client, MonoTime now, bool waits = false);
  struct Want {
    std::uint16_t service = 0;
    IpAddress client;
  };
  /// The next ones; once a second.
  std::vector<Want> turn(MonoTime now);
  /// Those that are waited for, kTurn a second at most; any time.
  std::vector<Want> hurry(MonoTime now);
  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }

 private:
  struct Key {
    std::uint16_t service;
    IpAddress network;
    auto operator<=>(const Key&) const = default;  // NOLINT(*-use-nullptr): there is none
  };
  struct Network {
    IpAddress client;  // who asked last
    MonoTime asked;
    MonoTime next;  // to be pinged from then on
    bool queued = false;
  };
  void queue(const Key& key, Network& network);

  [[nodiscard]] std::optional<Want> take(std::deque<Key>& queue, MonoTime now);

  Nanos every_;
  std::deque<Key> queue_;
  std::deque<Key> waited_for_;  // of those in queue_
  TokenBucket bucket_{BucketLimit{kTurn, kTurn}};
  MonoTime budget_;
  std::map<Key, Network> networks_;
};

}  // namespace flagfall::master
