// What a web request gets: by the host, the path and the client's address, from the director's view in the
// snapshot. Pure; one object a loop; answers allocate nothing and lock nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.hh"
#include "common/base/counters.hh"
#include "common/base/random.hh"
#include "common/http/date_field.hh"
#include "common/http/request.hh"
#include "master/asked_networks.hh"
#include "master/guide.hh"
#include "master/http_answer.hh"
#include "master/http_sites.hh"
#include "master/race_records.hh"
#include "master/snapshot.hh"
#include "master/unique_watch.hh"
#include "master/web_scheme.hh"

namespace flagfall::master {

/// Statuses that the desk answers with.
inline constexpr std::array<int, 17> kHttpStatuses = {200, 301, 302, 303, 307, 308, 400, 404, 405,
                                                      413, 414, 431, 454, 501, 503, 505, 500};

/// Written by the loop, read by any thread.
struct HttpCounters {
  Counter requests;      // read completely
  Counter refused;       // octets that are no request, or one that is too big
  Counter bound;         // of the redirects, those by what is known of the client's network
  Counter learning;      // and of networks that nothing is known of
  Counter raced;         // left to the slaves: the first one's redirect is the client's
  Counter nobody_fit;    // answered while no server was fit
  Counter unknown_host;  // of no service: the host, or the path on it
  Counter unique;        // for unique names
  std::array<Counter, kHttpStatuses.size()> by_status;

  [[nodiscard]] std::uint64_t answers(int status) const;
  void count(int status);
};

/// A redirect that may be raced instead.
struct HttpRaceOffer {
  const HttpSite& site;
  const HttpRedirect& redirect;
  const http::Request& request;
  director::ServerIndex choice;  // whom it would lead to
  bool alone;                    // nothing is unsent before it, and no other request has come
};

/// Races redirects.
class HttpRacer {
 public:
  virtual ~HttpRacer() = default;
  /// True: the client is answered, by whoever is first; nothing else is to be sent.
  virtual bool race(const HttpRaceOffer& offer) noexcept = 0;

 protected:
  HttpRacer() = default;
  HttpRacer(const HttpRacer&) = default;
  HttpRacer& operator=(const HttpRacer&) = default;
};

class HttpDesk {
 public:
  struct Options {
    WebScheme scheme = WebScheme::http;
    std::size_t services = 0;    // how many are configured
    std::size_t target = 2048;   // octets of a request's target at most
    std::string unique_names{};  // UniqueWatch
    std::uint64_t epoch = 0;     // random, shared by all loops of one start
  };
  /// `log` and `racer` outlive the desk; null: nobody hears of clients, and nothing is raced.
  HttpDesk(const Options& options, Random& random, RaceLog* log = nullptr, HttpRacer* racer = nullptr);

  /// Between answers; before the first.
  void take_over(std::shared_ptr<const Snapshot> snapshot);
  /// For the Date field; about once a second.
  void set_date(RealTime now) { date_.set(now); }

  /// Octets that an answer takes at most.
  [[nodiscard]] std::size_t most() const { return most_; }
  struct Asker {
    const IpAddress& client;
    MonoTime now;
    bool close = false;  // the connection ends with the answer
    bool alone = false;  // nothing is unsent, and no other request has come
  };
  /// Writes the answer to a request; `out` has most() octets left. Nothing, when it is raced.
  void answer(const http::Request& request, const Asker& asker, ByteWriter& out) noexcept;
  /// To octets that are no request (RequestReader::Progress::refuse); the connection ends with it.
  void refuse(int status, ByteWriter& out) noexcept;

  [[nodiscard]] const HttpCounters& counters() const { return counters_; }
  /// Redirects to this server of a service; any thread.
  [[nodiscard]] std::uint64_t led(std::size_t service, director::ServerIndex server) const {
    return led_.at(service).at(server).get();
  }

 private:
  /// An answer's beginning and end.
  struct Frame {
    HttpOpening opening;
    HttpEnding ending;
  };
  void send(const HttpRedirect& redirect, const HttpLocation& location, ByteWriter& out) noexcept;
  /// Any other answer: its content is one line that says what is wrong.
  void say(int status, std::string_view fields, std::string_view why, const Frame& frame,
           ByteWriter& out) noexcept;
  void nobody(const HttpSite& site, const Frame& frame, ByteWriter& out) noexcept;
  void by_director(const http::Request& request, const HttpSites::Found& found, const Asker& asker,
                   const Frame& frame, ByteWriter& out) noexcept;
  /// True: it needs no service, and is answered.
  bool by_method(const http::Request& request, const Frame& frame, ByteWriter& out) noexcept;
  bool by_rtsp_method(const http::Request& request, const Frame& frame, ByteWriter& out) noexcept;
  [[nodiscard]] HttpOpening opening(const http::Request& request) const;

  WebScheme scheme_;
  Guide guide_;
  AskedNetworks asked_;
  UniqueWatch unique_;
  std::vector<std::array<Counter, director::kMostServers>> led_;  // by service and server
  std::size_t most_;
  RaceLog* log_;
  HttpRacer* racer_;
  std::shared_ptr<const Snapshot> snapshot_;
  HttpCounters counters_;
  http::DateField date_;
  HttpSites::HostRoom host_{};
};

}  // namespace flagfall::master
