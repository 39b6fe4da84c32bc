// Queries that wait for what is being measured of their clients' networks. Pure; one object a loop; fixed
// size, so that no flood of invented sources makes more of them than this.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/dns/front_end.hh"

namespace flagfall::master {

struct HeldQuery {
  /// Larger ones are answered at once.
  static constexpr std::size_t kMostOctets = 512;
  Endpoint client;
  dns::FrontEnd::Result result;  // of the packet
  MonoTime until;                // then it is answered with what there is
  std::uint8_t address = 0;      // of the service, which was asked
  std::uint16_t length = 0;
  std::array<std::uint8_t, kMostOctets> octets{};
  [[nodiscard]] Bytes packet() const { return Bytes(octets).first(length); }
};

class HeldQueries {
 public:
  static constexpr std::size_t kMost = 256;

  HeldQueries() : queries_(kMost) {}

  /// False: it is too large, or there is no room.
  bool hold(Bytes packet, const Endpoint& client, const dns::FrontEnd::Result& result, std::uint8_t address,
            MonoTime until) noexcept {
    if (count_ == kMost || packet.size() > HeldQuery::kMostOctets) return false;
    HeldQuery& it = queries_[count_++];
    it.client = client;
    it.result = result;
    it.until = until;
    it.address = address;
    it.length = static_cast<std::uint16_t>(packet.size());
    std::ranges::copy(packet, it.octets.begin());
    return true;
  }

  /// f(query) for each that came to this address; it is let go where that returns true.
  template <class F>
  void release(std::uint8_t address, F f) {
    for (std::size_t i = 0; i < count_;) {
      if (queries_[i].address != address || !f(std::as_const(queries_[i]))) {
        ++i;
      } else if (i != --count_) {
        queries_[i] = queries_[count_];
      }
    }
  }

  [[nodiscard]] std::size_t size() const { return count_; }

 private:
  std::vector<HeldQuery> queries_;
  std::size_t count_ = 0;
};

}  // namespace flagfall::master
