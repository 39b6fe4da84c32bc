// Where client networks belong, as masters have said it lately. A fixed table: what is full forgets what
// would be forgotten first. Pure; one owner thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/hash.hh"
#include "common/base/ip.hh"
#include "common/base/random.hh"
#include "common/base/time.hh"
#include "common/http/location.hh"

namespace flagfall::slave {

class HomeCache {
 public:
  /// `room`: networks at once, rounded up to a power of two.
  HomeCache(std::size_t room, Random& random);

  struct Home {
    std::shared_ptr<const http::Location> elsewhere;  // none: here, or nobody knows
  };
  /// Of the client's network of `length` bits, until then.
  void put(std::uint32_t service, const IpAddress& client, unsigned length, Home home, MonoTime until);
  /// The narrowest network that holds the client; null: nothing is known, or not any more.
  [[nodiscard]] const Home* find(std::uint32_t service, const IpAddress& client, MonoTime now) const;
  void clear();

 private:
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kLengths = 129;
  struct Slot {
    IpAddress network;
    std::uint32_t service = 0;
    std::uint8_t length = 0;
    bool used = false;
    MonoTime until;
    Home home;
  };
  [[nodiscard]] std::size_t set_of(std::uint32_t service, const IpAddress& network, unsigned length) const;
  [[nodiscard]] static bool same(const Slot& slot, std::uint32_t service, const IpAddress& network,
                                 unsigned length) {
    return slot.used && slot.length == length && slot.service == service && slot.network == network;
  }
  [[nodiscard]] std::uint32_t& count(const Slot& slot) {
    return counts_.at(slot.network.family == Family::v4 ? 0 : 1).at(slot.length);
  }

  SeededHash hash_;
  std::vector<Slot> slots_;
  std::array<std::array<std::uint32_t, kLengths>, 2> counts_{};  // by family and length: slots that have it
};

}  // namespace flagfall::slave
