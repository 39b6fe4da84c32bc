#include "clocksync/ntp_client.hh"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

namespace flagfall::clocksync {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

/// A reply that took longer constrains nothing that anybody wants to know.
constexpr Nanos kPatience = seconds(1);
/// RFC 5905 §A.1 MAXDISP and §11.1: a source further from its own truth is none.
constexpr Nanos kMostDistance = seconds(16);
/// Quick polls in a row; a server that stays silent is then asked at the ordinary interval.
constexpr unsigned kQuickPolls = 16;
/// A server that never relents is asked this seldom at most.
constexpr Nanos kSlowest = std::chrono::hours(1);
/// Software stamps scatter by a few microseconds; a queue that moved shows above.
constexpr Nanos kPairSlack = microseconds(5);
constexpr int kPairShare = 64;  // of the round trip
/// The bound may gain this share of itself from one poll to the next.
constexpr double kGain = 0.1;
/// Exchanges that the window should hold, so that the line is as good as the path allows.
constexpr std::size_t kFill = 32;
constexpr unsigned kPollsBeforeSlower = 8;
/// So many good replies after a RATE kiss, half of the interval that it made is tried again.
constexpr unsigned kRelent = 256;

Nanos precision(int log2_seconds) {
  return Nanos(std::llround(std::ceil(std::ldexp(1e9, log2_seconds))));
}

}  // namespace

NtpClient::NtpClient(Options options)
    : options_(std::move(options)),
      interval_(options_.poll_least),
      least_(options_.poll_least),
      quick_left_(kQuickPolls),
      why_(fmt::format("{} has not answered yet", options_.name)) {}

NtpClient::Request NtpClient::request(MonoTime now, const Cookies& cookies) {
  assert(cookies.transmit != cookies.receive);
  if (!second_) finish_pair();
  Probe& probe = probes_.at(next_id_ % kProbes);
  const Lane& lane = lanes_.at(second_ ? 1 : 0);
  probe =
      Probe{State::open, cookies, {}, lane.last, pair_, lane.last_pair, second_, lane.server_receive != 0};
  probe.exchange.id = next_id_++;
  probe.exchange.t1 = now;

  wire::NtpPacket packet;
  packet.transmit = cookies.transmit;
  if (options_.interleave) {
    packet.origin = lane.server_receive;
    packet.receive = cookies.receive;
  }
  Request out;
  out.id = probe.exchange.id;
  out.size = wire::encode_ntp(packet, out.bytes);
  if (options_.mac) out.size = wire::sign_ntp(out.bytes, out.size, options_.key, options_.mac);
  ++counters_.requests;

  // Who limits rates counts the second of a pair as one too many, whatever the interval.
  const bool pairs = options_.pair_distance > Nanos(0) && counters_.kiss_rate.get() == 0 && !stopped_;
  if (pairs && !second_) {
    next_ = now + options_.pair_distance;
    second_ = true;
    return out;
  }
  second_ = false;
  const bool quick = hurry_ && quick_left_ > 0;
  if (quick) --quick_left_;
  next_ = now + (stopped_ ? kSlowest : quick ? std::min(options_.quick_poll, interval_) : interval_);
  return out;
}

/// Before a new pair: what became of the last one.
void NtpClient::finish_pair() {
  ++pair_;
  ++polls_at_interval_;
  if (!std::exchange(pair_answered_, false)) {
    ++counters_.unanswered;
    ++missed_;
    // Servers keep silent to a request whose signature they cannot check.
    if (missed_ > 1 && (why_.empty() || !heard_))
      why_ = fmt::format("{} does not answer{}", options_.name,
                         options_.mac ? fmt::format("; does it have key {}, the same?", options_.key) : "");
    if (missed_ > kQuickPolls) interval_ = std::min(interval_ * 2, std::max(options_.poll_most, least_));
  }
}

NtpClient::Probe* NtpClient::find(std::uint64_t id) {
  Probe& probe = probes_.at(id % kProbes);
  return probe.state != State::unused && probe.exchange.id == id ? &probe : nullptr;
}

void NtpClient::transmitted(std::uint64_t id, MonoTime t1) {
  Probe* probe = find(id);
  // Never before the request was handed over, and of no use after the reply.
  if (probe != nullptr && probe->state == State::open && t1 > probe->exchange.t1) probe->exchange.t1 = t1;
}

void NtpClient::discard(std::uint64_t id) {
  Probe* probe = find(id);
  if (probe == nullptr || probe->state != State::open) return;
  probe->state = State::discarded;
  ++counters_.stepped;
  // What its series refers to was stamped before: begin anew.
  lanes_.at(probe->second ? 1 : 0) = Lane{};
}

/// The probe that the reply's origin names, by the cookie that says which mode it is.
NtpClient::Probe* NtpClient::match(const wire::NtpPacket& packet, bool& interleaved) {
  for (Probe& probe : probes_) {
    if (probe.state == State::unused) continue;
    interleaved = probe.refers && options_.interleave && packet.origin == probe.cookies.receive;
    if (interleaved || packet.origin == probe.cookies.transmit) return &probe;
  }
  return nullptr;
}

/// Counts and refuses what says nothing about time. A refused signature leaves the
/// probe open: who does not have the key must not be able to close it.
bool NtpClient::believable(const wire::NtpDatagram& datagram, Probe& probe, MonoTime now) {
  const wire::NtpPacket& packet = datagram.packet;
  heard_ = true;
  if (options_.mac && !wire::verify_ntp(datagram, options_.key, options_.mac)) {
    ++counters_.forged;
    why_ = fmt::format("{} does not sign its replies with key {}; see both key files", options_.name,
                       options_.key);
    return false;
  }
  probe.state = State::answered;
  if (packet.stratum == 0) {
    kiss(packet, probe, now);
    return false;
  }
  if (packet.leap == wire::NtpLeap::unsynchronised || packet.stratum >= wire::kNtpUnsynchronised ||
      packet.root_delay / 2 + packet.root_dispersion >= kMostDistance) {
    ++counters_.unsynchronised;
    why_ = fmt::format("{} is not synchronised itself", options_.name);
    return false;
  }
  return true;
}

void NtpClient::kiss(const wire::NtpPacket& packet, const Probe& probe, MonoTime now) {
  const std::string code = wire::kiss_code(packet);
  if (code == "RATE") {
    ++counters_.kiss_rate;
    pair_answered_ = true;                                                 // it is there
    if (relented_ != MonoTime() && probe.exchange.t1 < relented_) return;  // was under way when we were told
    relented_ = now;
    good_at_least_ = 0;
    least_ = std::min(std::max(least_, interval_) * 2, kSlowest);
    interval_ = least_;
    next_ = now + least_;
    quick_left_ = 0;
    second_ = false;
    why_ = fmt::format("{} wants fewer requests: one in {:.0f} s now", options_.name,
                       std::chrono::duration<double>(least_).count());
  } else if (code == "DENY" || code == "RSTR") {
    ++counters_.kiss_deny;
    stopped_ = true;
    denied_ = now;
    next_ = now + kSlowest;
    second_ = false;
    why_ = fmt::format("{} refuses us ({}); see its `allow` lines; it is asked again in an hour",
                       options_.name, code);
  } else {
    ++counters_.kiss_other;
  }
}

NtpClient::Reply NtpClient::reply(Bytes datagram, MonoTime t4) {
  Reply out;
  const auto parsed = wire::parse_ntp(datagram);
  if (!parsed || parsed->packet.mode != static_cast<std::uint8_t>(wire::NtpMode::server) ||
      parsed->packet.version < 3 || parsed->packet.version > 4) {
    ++counters_.malformed;
    return out;
  }
  const wire::NtpPacket& packet = parsed->packet;
  bool interleaved = false;
  Probe* probe = match(packet, interleaved);
  if (probe == nullptr) {
    ++counters_.foreign;
    return out;
  }
  if (probe->state != State::open) {
    ++counters_.duplicate;
    return out;
  }
  if (t4 - probe->exchange.t1 > kPatience) {
    ++counters_.late;
    return out;
  }
  if (!believable(*parsed, *probe, t4)) return out;
  const auto t2 = wire::from_ntp(packet.receive);
  const auto t3 = wire::from_ntp(packet.transmit);
  if (!t2 || !t3 || packet.precision > 0 || (!interleaved && *t3 < *t2)) {
    ++counters_.malformed;
    return out;
  }

  ++counters_.replies;
  if (interleaved) ++counters_.interleaved;
  interleaving_ = interleaved;
  missed_ = 0;
  pair_answered_ = true;
  if (++good_at_least_ >= kRelent) {
    good_at_least_ = 0;
    least_ = std::max(options_.poll_least, least_ / 2);
  }
  why_.clear();
  leap_pending_ = packet.leap == wire::NtpLeap::insert || packet.leap == wire::NtpLeap::remove;
  out.good = true;
  out.id = probe->exchange.id;

  Lane& lane = lanes_.at(probe->second ? 1 : 0);
  Exchange& now = probe->exchange;
  if (stopped_ && now.t1 > denied_) {
    stopped_ = false;
    next_ = t4 + interval_;
  }
  now.t2 = *t2;
  // Interleaved, this reply's own t3 comes with the next one; that it left after t2 is true meanwhile.
  now.t3 = interleaved ? *t2 : *t3;
  now.t4 = t4;
  now.source_bound = packet.root_delay / 2 + packet.root_dispersion + precision(packet.precision);
  if (interleaved && (*t3 > *t2 || *t3 < probe->before.t2)) {
    ++counters_.torn;
  } else if (interleaved) {
    Exchange before = probe->before;
    before.t3 = *t3;
    out.exchanges.at(out.count++) = before;
    complete(lane, before, probe->before_pair);
  } else {
    complete(lane, now, probe->pair);
  }
  out.exchanges.at(out.count++) = now;
  lane.server_receive = packet.receive;
  lane.last = now;
  lane.last_pair = probe->pair;
  return out;
}

/// A pair is pure when both ways kept its distance.
void NtpClient::complete(Lane& lane, const Exchange& exchange, std::uint64_t pair) {
  lane.complete = exchange;
  lane.complete_pair = pair;
  const auto& [first, second] = lanes_;
  if (&lane != &second) return;  // when the second is complete, the first one is of the same kind
  if (first.complete_pair != second.complete_pair || options_.pair_distance == Nanos(0)) return;
  const Exchange& a = first.complete;
  const Exchange& b = second.complete;
  const Nanos there = std::chrono::abs((b.t2 - a.t2) - (b.t1 - a.t1));
  const Nanos back = std::chrono::abs((b.t4 - a.t4) - (b.t3 - a.t3));
  const Nanos slack = std::max(kPairSlack, std::min(a.round_trip(), b.round_trip()) / kPairShare);
  last_pair_pure_ = std::max(there, back) <= slack;
  ++(last_pair_pure_ ? counters_.pairs_pure : counters_.pairs_impure);
}

void NtpClient::adapt(const Estimator& estimator) {
  const auto& estimate = estimator.estimate();
  hurry_ = !estimate;
  if (!estimate) return;
  if (counters_.kiss_rate.get() == 0) quick_left_ = kQuickPolls;
  const auto gained = [&](Nanos poll) {
    return static_cast<double>(poll.count()) * estimate->growth_ppm * 1e-6;
  };
  const double allowed = kGain * static_cast<double>(estimate->bound.count());
  if (interval_ / 2 >= least_ && (gained(interval_) > 2 * allowed || estimator.size() < kFill / 2)) {
    interval_ /= 2;
    polls_at_interval_ = 0;
  } else if (interval_ * 2 <= options_.poll_most && polls_at_interval_ >= kPollsBeforeSlower &&
             last_pair_pure_ && estimator.size() >= kFill && gained(interval_ * 2) <= allowed) {
    interval_ *= 2;
    polls_at_interval_ = 0;
  }
}

}  // namespace flagfall::clocksync
