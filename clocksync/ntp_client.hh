// The client's side of NTP with one server: request bytes out; reply bytes and
// stamps in, exchanges for the estimator out (RFC 5905 §9, interleaved mode of
// RFC 9769 §2, data minimised: a request shows nothing but two random cookies).
// Pure: no socket, no clock, no randomness of its own. One thread.
//
// Probes go in pairs, a moment apart (coded probes, Huygens, NSDI 2018 §3): a
// pair whose distance the network kept saw no queue that moved. Every exchange
// is a true constraint and is kept; impure pairs hold back longer intervals.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "clocksync/estimator.hh"
#include "common/base/counters.hh"
#include "common/wire/ntp.hh"

namespace flagfall::clocksync {

/// Written by the client's thread, read by any.
struct NtpCounters {
  Counter requests;
  Counter replies;      // good ones
  Counter interleaved;  // of these, with the kernel's stamp of the reply before
  Counter unanswered;   // polls without a good reply
  Counter malformed;    // not a server's NTP packet, or absurd figures
  Counter foreign;      // origin is none of our cookies: forged, or years late
  Counter duplicate;
  Counter late;            // came after a second
  Counter forged;          // wrong or no signature, where a key is configured
  Counter unsynchronised;  // the server itself has no time
  Counter kiss_rate;       // it wants fewer requests
  Counter kiss_deny;       // it wants none: DENY or RSTR
  Counter kiss_other;
  Counter stepped;  // CLOCK_REALTIME was set meanwhile: the exchange was dropped
  Counter torn;     // interleaved stamps from both sides of a step of the server: the older was dropped
  Counter pairs_pure;
  Counter pairs_impure;
  /// f(name, counter) for each.
  template <class F>
  void for_each(F f) const;
};

class NtpClient {
 public:
  struct Options {
    std::string name = "the NTP server";  // for `why`: "192.0.2.1:123"
    Nanos poll_least = std::chrono::seconds(1);
    Nanos poll_most = std::chrono::seconds(16);
    Nanos quick_poll = std::chrono::milliseconds(100);  // until the estimator has something to say
    Nanos pair_distance = std::chrono::milliseconds(2);
    bool interleave = true;
    std::uint32_t key = 0;  // with `mac`: requests are signed and replies must be
    wire::NtpMac mac = {};
  };
  /// 64 bits each that nobody can guess; they must differ.
  struct Cookies {
    std::uint64_t transmit = 0;
    std::uint64_t receive = 0;
  };
  struct Request {
    std::array<std::uint8_t, wire::kNtpHeader + wire::kNtpMac> bytes{};
    std::size_t size = 0;
    std::uint64_t id = 0;
  };
  struct Reply {
    bool good = false;
    std::uint64_t id = 0;  // the request's
    /// Exchanges to add; one that came before may come again with a better t3.
    std::array<Exchange, 2> exchanges{};
    std::size_t count = 0;
  };

  explicit NtpClient(Options options);

  /// When to call request(); an hour away when the server wants no more: it may have changed its mind.
  [[nodiscard]] MonoTime next_request() const { return next_; }
  /// A request to be sent right after `now` was read.
  Request request(MonoTime now, const Cookies& cookies);
  /// When the kernel says request `id` left; before that, `now` of request() stands, which is only earlier.
  void transmitted(std::uint64_t id, MonoTime t1);
  /// Its stamps are worth nothing: a clock was set meanwhile.
  void discard(std::uint64_t id);
  /// A datagram from the server's address, received at t4.
  Reply reply(Bytes datagram, MonoTime t4);
  /// What the estimator makes of the exchanges: quick while it has nothing to say,
  /// then as slow as the bound allows.
  void adapt(const Estimator& estimator);

  [[nodiscard]] Nanos interval() const { return interval_; }
  /// Polls in a row without a good reply.
  [[nodiscard]] unsigned missed() const { return missed_; }
  /// Why the last poll brought nothing, in one line; empty after a good reply.
  [[nodiscard]] const std::string& why() const { return why_; }
  [[nodiscard]] bool stopped() const { return stopped_; }
  /// A leap second is announced for the end of this day.
  [[nodiscard]] bool leap_pending() const { return leap_pending_; }
  [[nodiscard]] bool interleaving() const { return interleaving_; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const NtpCounters& counters() const { return counters_; }

 private:
  enum class State : std::uint8_t { unused, open, answered, discarded };
  /// A probe's place in its pair; each continues its own interleaved series.
  struct Lane {
    std::uint64_t server_receive = 0;  // as it travelled; 0: no series yet
    Exchange last;
    std::uint64_t last_pair = 0;
    Exchange complete;  // the newest with a true t3
    std::uint64_t complete_pair = 0;
  };
  struct Probe {
    State state = State::unused;
    Cookies cookies;
    Exchange exchange;  // id and t1, then all
    Exchange before;    // the one whose t3 an interleaved reply brings
    std::uint64_t pair = 0;
    std::uint64_t before_pair = 0;
    bool second = false;
    bool refers = false;  // `before` is there
  };
  static constexpr std::size_t kProbes = 16;

  Probe* find(std::uint64_t id);
  Probe* match(const wire::NtpPacket& packet, bool& interleaved);
  bool believable(const wire::NtpDatagram& datagram, Probe& probe, MonoTime now);
  void kiss(const wire::NtpPacket& packet, const Probe& probe, MonoTime now);
  void finish_pair();
  void complete(Lane& lane, const Exchange& exchange, std::uint64_t pair);

  Options options_;
  NtpCounters counters_;
  std::array<Probe, kProbes> probes_;
  std::array<Lane, 2> lanes_;
  std::uint64_t next_id_ = 1;
  std::uint64_t pair_ = 0;
  MonoTime next_{};
  Nanos interval_;
  Nanos least_;                 // grows when the server asks for it
  MonoTime relented_{};         // when that was last
  unsigned good_at_least_ = 0;  // replies since
  MonoTime denied_{};           // when it last refused us
  bool hurry_ = true;
  unsigned quick_left_;
  unsigned polls_at_interval_ = 0;
  bool second_ = false;
  bool pair_answered_ = true;
  bool last_pair_pure_ = true;
  bool stopped_ = false;
  bool leap_pending_ = false;
  bool interleaving_ = false;
  unsigned missed_ = 0;
  bool heard_ = false;  // any reply to a request of ours, good or not
  std::string why_;
};

template <class F>
void NtpCounters::for_each(F f) const {
  f("ntp_requests", requests);
  f("ntp_replies", replies);
  f("ntp_interleaved", interleaved);
  f("ntp_unanswered", unanswered);
  f("ntp_malformed", malformed);
  f("ntp_foreign", foreign);
  f("ntp_duplicate", duplicate);
  f("ntp_late", late);
  f("ntp_forged", forged);
  f("ntp_unsynchronised", unsynchronised);
  f("ntp_kiss_rate", kiss_rate);
  f("ntp_kiss_deny", kiss_deny);
  f("ntp_kiss_other", kiss_other);
  f("ntp_stepped", stepped);
  f("ntp_torn", torn);
  f("ntp_pairs_pure", pairs_pure);
  f("ntp_pairs_impure", pairs_impure);
}

}  // namespace flagfall::clocksync
