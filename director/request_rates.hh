// How often clients ask: what the request loops tell, over the last ten to twenty seconds. Pure; bounded; one
// owner thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>

#include "common/base/ip.hh"
#include "common/base/time.hh"

namespace flagfall::director {

class RequestRates {
 public:
  static constexpr Nanos kWindow = std::chrono::seconds(10);
  /// Clients at once. What others ask is spread over these: they are as good a sample as any.
  static constexpr std::size_t kMost = 8192;

  /// `client` stands for its network, as the loops tell of them.
  void add(const IpAddress& client, std::uint32_t queries, MonoTime now) {
    turn(now);
    auto at = clients_.find(client);
    if (at == clients_.end() && clients_.size() < kMost) at = clients_.try_emplace(client).first;
    Count& count = at == clients_.end() ? others_ : at->second;
    count.now += queries;
    counted_.now += queries;
  }

  /// f(client, requests a second) for each that has asked lately.
  template <class F>
  void for_each(MonoTime now, F f) {
    turn(now);
    const double seconds =
        std::chrono::duration<double>(now - began_ + (whole_ ? kWindow : Nanos(0))).count();
    const double known = counted_.sum() - others_.sum();
    if (known <= 0) return;
    const double scale = counted_.sum() / known / std::max(seconds, 1.0);
    for (const auto& [client, count] : clients_) f(client, count.sum() * scale);
  }
  [[nodiscard]] std::size_t size() const { return clients_.size(); }

 private:
  struct Count {
    std::uint64_t now = 0;     // in this window
    std::uint64_t before = 0;  // in the last one
    [[nodiscard]] double sum() const { return static_cast<double>(now + before); }
    void turn() {
      before = now;
      now = 0;
    }
  };

  void turn(MonoTime now) {
    if (!started_ || now - began_ >= 3 * kWindow) {  // nobody has called for long
      *this = RequestRates();
      started_ = true;
      began_ = now;
    }
    while (now - began_ >= kWindow) {
      std::erase_if(clients_, [](const auto& entry) { return entry.second.now == 0; });
      for (auto& [client, count] : clients_) count.turn();
      others_.turn();
      counted_.turn();
      began_ += kWindow;
      whole_ = true;
    }
  }

  std::map<IpAddress, Count> clients_;
  Count others_, counted_;  // beyond kMost; all
  MonoTime began_;
  bool started_ = false;
  bool whole_ = false;  // there was a window before this one
};

}  // namespace flagfall::director
