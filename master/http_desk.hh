// What a web request gets: by the host, the path and the client's address, from the director's view in the
// snapshot, as the octets of an answer (RFC 9110, RFC 9112). Pure; one object a loop; answers allocate
// nothing and lock nothing. It never races; see http_stream.hh for where that will be decided.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.hh"
#include "common/base/counters.hh"
#include "common/base/random.hh"
#include "common/http/request.hh"
#include "common/http/request_reader.hh"
#include "master/asked_networks.hh"
#include "master/guide.hh"
#include "master/http_sites.hh"
#include "master/race_records.hh"
#include "master/snapshot.hh"

namespace flagfall::master {

/// Statuses that the desk answers with.
inline constexpr std::array<int, 16> kHttpStatuses = {200, 301, 302, 303, 307, 308, 400, 404,
                                                      405, 413, 414, 431, 501, 503, 505, 500};

/// Written by the loop, read by any thread.
struct HttpCounters {
  Counter requests;      // read completely
  Counter refused;       // octets that are no request, or one that is too big
  Counter bound;         // of the redirects, those by what is known of the client's network
  Counter learning;      // and of networks that nothing is known of
  Counter nobody_fit;    // answered while no server was fit
  Counter unknown_host;  // of no service: the host, or the path on it
  std::array<Counter, kHttpStatuses.size()> by_status;

  [[nodiscard]] std::uint64_t answers(int status) const;
  void count(int status);
};

class HttpDesk {
 public:
  /// `services`: how many are configured. `log` outlives the desk; null: nobody hears of clients.
  HttpDesk(std::size_t services, const http::RequestLimits& limits, Random& random, RaceLog* log = nullptr);

  /// Between answers; before the first.
  void take_over(std::shared_ptr<const Snapshot> snapshot);
  /// For the Date field; about once a second.
  void set_date(RealTime now);

  /// Octets that an answer takes at most.
  [[nodiscard]] std::size_t most() const { return most_; }
  /// Writes the answer to a request; `out` has most() octets left. `close`: the connection ends with it.
  void answer(const http::Request& request, const IpAddress& client, MonoTime now, bool close,
              ByteWriter& out) noexcept;
  /// To octets that are no request (RequestReader::Progress::refuse); the connection ends with it.
  void refuse(int status, ByteWriter& out) noexcept;

  [[nodiscard]] const HttpCounters& counters() const { return counters_; }
  /// Redirects to this server of a service; any thread.
  [[nodiscard]] std::uint64_t led(std::size_t service, director::ServerIndex server) const {
    return led_.at(service).at(server).get();
  }

 private:
  /// How the answer ends: what the connection does, and whether content follows the header.
  struct Ending {
    bool close = false;
    bool told_to_keep = false;  // HTTP/1.0 wants to hear it
    bool head = false;
  };
  void redirect(const HttpSite& site, const HttpLocation& location, const HttpLocation::Values& values,
                unsigned status, bool keep, const Ending& ending, ByteWriter& out) noexcept;
  /// Any other answer: its content is one line that says what is wrong.
  void say(int status, std::string_view fields, std::string_view why, const Ending& ending,
           ByteWriter& out) noexcept;
  /// From the end of the field before to the end of the header.
  static std::string_view last_fields(const Ending& ending);
  void begin(int status, ByteWriter& out) noexcept;
  void nobody(const HttpSite& site, const Ending& ending, ByteWriter& out) noexcept;
  void by_director(const http::Request& request, const HttpSites::Found& found, const IpAddress& client,
                   MonoTime now, const Ending& ending, ByteWriter& out) noexcept;

  Guide guide_;
  AskedNetworks asked_;
  std::vector<std::array<Counter, director::kMostServers>> led_;  // by service and server
  std::size_t most_;
  RaceLog* log_;
  std::shared_ptr<const Snapshot> snapshot_;
  HttpCounters counters_;
  std::array<char, 40> date_{};  // "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
  std::size_t date_size_ = 0;
  HttpSites::HostRoom host_{};
};

}  // namespace flagfall::master
