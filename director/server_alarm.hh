// Has a server become worse for many networks at once? Each race of a network that is bound to it, and not in
// doubt, is a sample: it won, or a rival did. When rivals win more often than they use to, and in several
// networks, there is an alarm for this server: its networks are to be raced more often, until they agree
// again. Decides nothing about any network. Pure; one owner. The test is Page's cumulative sum (Continuous
// Inspection Schemes, 1954): log-likelihoods of "as usual" against "more often" are added up, never below
// zero. docs/design/director-clusters.md.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "director/order.hh"

namespace flagfall::director {

class ServerAlarm {
 public:
  /// Without another contradiction an alarm ends after this: who has not told by then may never tell.
  static constexpr Nanos kKeep = std::chrono::minutes(2);

  explicit ServerAlarm(std::size_t servers) : servers_(servers) {}

  /// A race of the network `bound`, which is bound to `server`: that one has won it, or a rival before it.
  /// `stands_for`: so many samples of an ordinary day, 0 to 1; less while its networks are raced more often.
  void raced(ServerIndex server, const Prefix& bound, bool rival_won, double stands_for, MonoTime now);
  /// Ends what is over. True: the alarms are others than at the last call.
  bool advance(MonoTime now);
  /// For which servers there is one.
  [[nodiscard]] ServerMask raised() const { return raised_; }

 private:
  struct Server {
    double usual = 0;  // share of the samples that rivals won; what is less than kLeastUsual counts as that
    double sum = 0;
    MonoTime contradicted;
    /// Who contradicted last: one network that cannot make up its mind is one voice.
    std::array<Prefix, 4> voices{};
    std::uint8_t next_voice = 0;
  };
  std::vector<Server> servers_;
  ServerMask raised_ = 0, told_ = 0;
};

}  // namespace flagfall::director
