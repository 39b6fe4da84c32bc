// Which questions were raced within the last seconds, as far as the ledger wants to know: a client that is
// answered what was raced for it a moment ago, since its query came twice, may have taken that answer, and
// then nobody can tell who won. Small enough for a cache, as every answer by what is known looks into it: a
// question whose place another has taken is forgotten. Pure; one object a loop; no allocation after
// construction.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"

namespace flagfall::master {

class RacedLately {
 public:
  /// As long as the ledger holds a race (LedgerOptions::hold).
  static constexpr Nanos kLately = std::chrono::seconds(3);
  /// Places: 64 KiB.
  static constexpr std::size_t kPlaces = 4096;

  /// `question`: a QuestionHash, which strangers cannot foresee.
  void remember(const IpAddress& client, std::uint64_t question, MonoTime now) noexcept {
    const std::uint64_t key = key_of(client, question);
    places_[key % kPlaces] = {key, now};
  }
  [[nodiscard]] bool has(const IpAddress& client, std::uint64_t question, MonoTime now) const noexcept {
    const std::uint64_t key = key_of(client, question);
    const Place& place = places_[key % kPlaces];
    return place.key == key && now < place.raced + kLately;
  }

 private:
  struct Place {
    std::uint64_t key = 0;
    MonoTime raced = MonoTime::min();
  };
  static std::uint64_t key_of(const IpAddress& client, std::uint64_t question) noexcept {
    std::array<std::uint64_t, 2> words{};
    std::memcpy(words.data(), client.octets.data(), sizeof words);
    // Odd constants of SplitMix64; the secret is in the question.
    const std::uint64_t mixed =
        (words[0] * 0xbf58476d1ce4e5b9U) ^ std::rotl(words[1] * 0x94d049bb133111ebU, 32);
    return (question ^ mixed) * 0x9e3779b97f4a7c15U >> 1U;
  }
  std::vector<Place> places_ = std::vector<Place>(kPlaces);
};

}  // namespace flagfall::master
