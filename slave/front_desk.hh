// What becomes of a web client at this slave's site: served here, or sent on to the server that its network
// belongs to. By the host, the path and the client's address, and by what the masters say. Whatever is not
// known, or not in time, is served here. Pure; one owner thread; nothing allocates for a client whose network
// is known.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/counters.hh"
#include "common/base/random.hh"
#include "common/base/token_bucket.hh"
#include "common/http/answer.hh"
#include "common/http/date_field.hh"
#include "common/http/request.hh"
#include "common/wire/session.hh"
#include "slave/front_sites.hh"
#include "slave/home_cache.hh"
#include "slave/sent_away.hh"

namespace flagfall::slave {

/// Written by the front end's thread, read by any.
struct FrontCounters {
  Counter requests;         // first requests of connections, read completely
  Counter refused;          // octets that are no request, or one that is too big
  Counter sent_on;          // to another server
  Counter here;             // served here: by the master's word, or because it does not know
  Counter unknown_host;     // and those that are no service's,
  Counter unmovable;        // that do not follow a redirect: upgrades, and methods such as OPTIONS,
  Counter no_session;       // whose master is not there,
  Counter unanswered;       // whose master said nothing in time,
  Counter limited;          // about whom nobody was asked: too many questions,
  Counter returned;         // who had been sent on and came back,
  Counter leads_back;       // whose redirect would have led to the same address
  Counter questions;        // to masters
  Counter answers;          // of masters
  Counter answers_late;     // after their clients were served; the next ones go by them
  Counter answers_unasked;  // to no question: dropped
  Counter answers_bad;      // with a location that is none: nobody knows

  template <class F>
  void for_each(F&& f) const {
    f("front_requests", requests);
    f("front_refused", refused);
    f("front_sent_on", sent_on);
    f("front_here", here);
    f("front_unknown_host", unknown_host);
    f("front_unmovable", unmovable);
    f("front_no_session", no_session);
    f("front_unanswered", unanswered);
    f("front_limited", limited);
    f("front_returned", returned);
    f("front_leads_back", leads_back);
    f("front_questions", questions);
    f("front_answers", answers);
    f("front_answers_late", answers_late);
    f("front_answers_unasked", answers_unasked);
    f("front_answers_bad", answers_bad);
  }
};

class FrontDesk {
 public:
  struct Options {
    Nanos wait = std::chrono::milliseconds(50);  // for a master's word
    Nanos keep = std::chrono::seconds(10);       // it is believed so long at most
    Nanos stay = std::chrono::seconds(10);       // who comes back within this time is served here
    double questions = 200;                      // a second, and at once
    std::size_t target = 8192;                   // octets of a request's target at most
  };
  FrontDesk(const Options& options, Random& random);

  /// New services: what was known of the old ones is forgotten.
  void use(std::shared_ptr<const FrontSites> sites);
  /// There is a session with this master from now on, or none.
  void session(std::size_t master, bool there);
  /// For the Date field; about once a second.
  void set_date(RealTime now) { date_.set(now); }

  enum class Do : std::uint8_t {
    serve,  // here
    wait,   // for the answer of this number, Options::wait at most; then look again
    answer  // what was written; then the connection ends
  };
  struct Look {
    Do what = Do::serve;
    std::uint32_t number = 0;
  };
  /// At a connection's first request; `waited`: again, and for the last time. `out` has most() octets left.
  [[nodiscard]] Look look(const http::Request& request, const IpAddress& client, MonoTime now, bool waited,
                          ByteWriter& out) noexcept;
  /// What the latest look() wants to ask of whom; at most one.
  struct Question {
    std::size_t master = 0;
    wire::HomeQuestion question;
  };
  [[nodiscard]] std::optional<Question> take_question() { return std::exchange(question_, std::nullopt); }
  /// A master's answer. True: those that wait for its number may look again.
  [[nodiscard]] bool answered(std::size_t master, const wire::HomeAnswer& answer, MonoTime now);

  /// To octets that are no request, and when the content server cannot be reached; the connection ends.
  void refuse(int status, ByteWriter& out) noexcept;
  void bad_gateway(bool head, ByteWriter& out) noexcept;
  /// Octets that an answer takes at most.
  [[nodiscard]] std::size_t most() const { return 2 * scratch_.size() + 1024; }

  [[nodiscard]] const FrontCounters& counters() const { return counters_; }

 private:
  static constexpr std::uint32_t kPending =
      256;  // questions without an answer yet: a slot is a number's low bits
  static constexpr std::size_t kNetworks = 16384;
  static constexpr std::size_t kAway = 65536;
  static constexpr std::size_t kLocations = 4096;
  struct Pending {
    bool used = false;
    std::uint32_t number = 0;
    std::uint32_t service = 0;
    std::size_t master = 0;
    IpAddress client;
    MonoTime asked;
  };

  Look ask(const FrontSite& site, const IpAddress& client, MonoTime now);
  static Look serve(Counter& why);
  [[nodiscard]] std::optional<std::size_t> master_of(const FrontSite& site) const;
  /// Whether this leads to the host and port that were asked.
  [[nodiscard]] bool leads_back(const http::Location& to, const http::Location::Values& values,
                                const http::Request& request) noexcept;
  [[nodiscard]] std::shared_ptr<const http::Location> location_of(const std::string& text);

  Options options_;
  std::shared_ptr<const FrontSites> sites_;  // none before the first Services
  std::uint64_t sessions_ = 0;               // bit i: with master i
  HomeCache cache_;
  SentAway away_;
  std::array<Pending, kPending> pending_{};
  std::uint32_t turn_ = 0;  // the high bits of the next number
  TokenBucket bucket_;
  MonoTime full_at_;
  std::map<std::string, std::shared_ptr<const http::Location>, std::less<>> locations_;  // in use, each once
  std::optional<Question> question_;
  std::vector<std::uint8_t> scratch_;
  http::HostTable::Room room_{};
  http::DateField date_;
  FrontCounters counters_;
};

}  // namespace flagfall::slave
