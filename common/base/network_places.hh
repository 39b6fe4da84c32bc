// How many connections each client network has. One owner thread; as large as there are connections.
#pragma once

#include <unordered_map>

#include "common/base/network_hash.hh"

namespace flagfall {

class NetworkPlaces {
 public:
  /// Bits of a network, and its connections at most.
  NetworkPlaces(unsigned prefix_v4, unsigned prefix_v6, unsigned most, Random& random)
      : hash_(prefix_v4, prefix_v6, random), most_(most) {}

  /// False: this network has as many as it may.
  bool enter(const IpAddress& client) {
    unsigned& count = counts_[hash_(client)];
    if (count >= most_) return false;
    ++count;
    return true;
  }
  /// One that has entered.
  void leave(const IpAddress& client) {
    const auto at = counts_.find(hash_(client));
    if (at != counts_.end() && --at->second == 0) counts_.erase(at);
  }
  [[nodiscard]] std::size_t size() const { return counts_.size(); }

 private:
  NetworkHash hash_;
  unsigned most_;
  std::unordered_map<std::uint64_t, unsigned> counts_;
};

}  // namespace flagfall
