// Which resolver asked for a unique name, and whose client it therefore is who fetches it. A fixed table:
// each name counts once, only for a while, and only when one resolver alone asked for it. Pure; control
// thread only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/counters.hh"
#include "common/base/ip.hh"
#include "common/base/time.hh"

namespace flagfall::master {

struct UniqueCounters {
  Counter asked;      // names that a resolver asked for
  Counter fetched;    // of them, by a client within kCounts: it is this resolver's
  Counter again;      // fetched once more
  Counter late;       // fetched longer after
  Counter unasked;    // nobody asked for it, or it is forgotten
  Counter ambiguous;  // several resolvers asked for it
  template <class F>
  void for_each(F f) const {
    f("asked", asked);
    f("fetched", fetched);
    f("again", again);
    f("late", late);
    f("unasked", unasked);
    f("ambiguous", ambiguous);
  }
};

class UniqueNames {
 public:
  /// A browser connects at once, or when it is online again; longer, and somebody reads logs.
  static constexpr Nanos kCounts = std::chrono::seconds(60);

  /// `room`: names at once. A full set forgets its oldest.
  explicit UniqueNames(std::size_t room);

  /// `name`: its hash. One resolver may ask by both families: A over IPv4 and AAAA over IPv6, say.
  void asked(std::uint64_t name, const IpAddress& resolver, MonoTime now);
  /// Of IPv4 and of IPv6, whose client has come; neither: it tells nothing.
  using Resolvers = std::array<std::optional<IpAddress>, 2>;
  Resolvers fetched(std::uint64_t name, MonoTime now);

  [[nodiscard]] const UniqueCounters& counters() const { return counters_; }

 private:
  static constexpr std::size_t kWays = 4;
  struct Slot {
    std::uint64_t name = 0;
    MonoTime at;  // when it was asked for first
    Resolvers resolvers{};
    bool used = false;  // holds one
    bool spent = false;
    bool ambiguous = false;
  };
  [[nodiscard]] Slot* set_of(std::uint64_t name) {
    return &slots_[(name & (slots_.size() / kWays - 1)) * kWays];
  }

  std::vector<Slot> slots_;
  UniqueCounters counters_;
};

}  // namespace flagfall::master
