#include "director/server_alarm.hh"

#include <algorithm>
#include <cmath>

namespace flagfall::director {
namespace {

/// Of the sampled races rivals win so many on an ordinary day: 0.3 to 8 % on measured round trips (`flagfall
/// simulate`, ten sites of PlanetLab, seed 1).
constexpr double kLeastUsual = 0.05;
/// What is looked for: so much more.
constexpr double kMore = 0.25;
/// "Usual" is the mean over about so many samples, of some 30,000 requests: within them what was unusual of a
/// server becomes usual.
constexpr double kSamples = 300;
/// An alarm: three contradictions of three networks with few agreements between them.
constexpr double kRaise = 4;
/// The sum grows no further: some twenty agreements end an alarm.
constexpr double kMost = 1.5 * kRaise;

}  // namespace

void ServerAlarm::raced(ServerIndex server, const Prefix& bound, bool rival_won, double stands_for,
                        MonoTime now) {
  Server& s = servers_.at(server);
  const double usual = std::max(s.usual, kLeastUsual);
  const double more = usual + (1 - usual) * kMore;
  s.usual += ((rival_won ? 1 : 0) - s.usual) * stands_for / kSamples;
  if (rival_won) {
    s.contradicted = now;
    if (std::ranges::find(s.voices, bound) != s.voices.end()) return;
    s.voices.at(s.next_voice) = bound;
    s.next_voice = static_cast<std::uint8_t>((s.next_voice + 1U) % s.voices.size());
  }
  s.sum += rival_won ? std::log(more / usual) : std::log((1 - more) / (1 - usual));
  s.sum = std::clamp(s.sum, 0.0, kMost);
  if (s.sum >= kRaise) raised_ |= bit(server);
  if (s.sum <= 0) {
    raised_ &= ~bit(server);
    s.voices = {};
  }
}

bool ServerAlarm::advance(MonoTime now) {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    Server& s = servers_[i];
    const ServerMask own = bit(static_cast<ServerIndex>(i));
    if ((raised_ & own) == 0 || now - s.contradicted < kKeep) continue;
    raised_ &= ~own;
    s.sum = 0;
    s.voices = {};
  }
  const bool others = raised_ != told_;
  told_ = raised_;
  return others;
}

}  // namespace flagfall::director
