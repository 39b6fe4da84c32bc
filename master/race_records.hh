// What request loops tell the ledger of races: values in a ring a loop, one
// producer and one consumer, so that a query pays for a copy and nothing else.
// A full ring drops and counts. Decides nothing.
#pragma once

#include <array>
#include <cstdint>
#include <variant>

#include "common/base/counters.hh"
#include "common/base/hash.hh"
#include "common/base/ip.hh"
#include "common/base/spsc_ring.hh"
#include "common/base/time.hh"
#include "common/race/finished_race.hh"

namespace flagfall::master {

/// No runner of a race has an echo.
inline constexpr std::uint8_t kNoEcho = 0xff;

/// At least one order of this race was sent.
struct RaceStarted {
  std::uint64_t id = 0;
  RefTime instant;
  MonoTime due;       // the instant, by the master's own clock
  MonoTime received;  // when the query came
  Nanos delay{};
  Nanos dispatch{};            // from the timestamp until the orders were sent
  Nanos expected{};            // likely error of the master's clock
  std::uint64_t question = 0;  // QuestionHash of name and type
  Endpoint client;
  std::uint16_t service = 0;
  std::uint16_t dns_id = 0;
  std::uint8_t address = 0;  // which service address was asked
  std::uint8_t count = 0;
  std::uint8_t echo = kNoEcho;  // which runner sends its answer a second time
  bool beacon = false;
  bool shadow = false;
  std::array<std::uint16_t, race::kMostRunners> runners{};  // slave indexes
};

/// The client asked what was raced for it a moment ago, and was answered by the master.
struct QuestionRepeated {
  IpAddress client;
  std::uint64_t question = 0;
};

/// A client's host found nobody at the port that an answer was sent to.
struct AnswerUnwanted {
  static constexpr std::size_t kMostAddresses = 4;
  Endpoint client;
  MonoTime at;  // when the error came
  std::uint64_t question = 0;
  std::uint32_t ttl = 0;
  std::uint16_t dns_id = 0;
  std::uint8_t address = 0;  // to which service address the error came
  std::uint8_t count = 0;
  std::array<IpAddress, kMostAddresses> answers{};  // as quoted
};

/// A client's first acknowledgement of a race's answer in a TCP connection named the slave that it is of.
struct SegmentWon {
  std::uint64_t race = 0;
  MonoTime at;  // when it came
  std::uint16_t slave = 0;
};

/// A client network asks for a service; told now and then only (AskedNetworks).
struct NetworkAsked {
  IpAddress client;
  std::uint16_t service = 0;
  std::uint32_t queries = 0;  // from it since it was told of last
  bool waits = false;         // for what is measured of it
};

/// A unique name was asked for by a resolver, or fetched by a client (UniqueWatch).
struct UniqueName {
  IpAddress who;
  std::uint64_t name = 0;  // QuestionHash of its label, with type 0
  MonoTime at;
  bool fetched = false;
};

using RaceRecord =
    std::variant<RaceStarted, QuestionRepeated, AnswerUnwanted, SegmentWon, NetworkAsked, UniqueName>;

/// Where a request core puts its records.
class RaceLog {
 public:
  virtual ~RaceLog() = default;
  virtual void log(const RaceRecord& record) noexcept = 0;

 protected:
  RaceLog() = default;
  RaceLog(const RaceLog&) = default;
  RaceLog& operator=(const RaceLog&) = default;
};

/// One loop's way to the ledger.
struct RecordRing final : RaceLog {
  /// A burst of control work may last 50 ms: 80,000 races a second a loop fit into that.
  static constexpr std::size_t kRecords = 4096;
  SpscRing<RaceRecord> ring{kRecords};
  Counter lost;  // the ring was full

  void log(const RaceRecord& record) noexcept override {
    if (!ring.push(record)) ++lost;
  }
};

/// The same in all loops of one start, so that any of them may hear of another's race.
class QuestionHash {
 public:
  /// `epoch`: random, shared by all loops of one start.
  explicit QuestionHash(std::uint64_t epoch) : hash_(seeded(epoch)) {}
  /// `name`: lower-case wire form.
  [[nodiscard]] std::uint64_t operator()(Bytes name, std::uint16_t type) const noexcept {
    return hash_.finish(hash_.mix(hash_.mix(hash_.start(), type), name));
  }

 private:
  static SeededHash seeded(std::uint64_t epoch) {
    SeededRandom random(epoch ^ 0x5155455354494f4eU);  // another stream than race ids
    return SeededHash(random);
  }
  SeededHash hash_;
};

}  // namespace flagfall::master
