// Decides what a DNS query deserves: silence, an answer, or a race. One object a
// loop, not shared; no sockets, no clock, no allocation on the path.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/counters.hh"
#include "common/base/ip.hh"
#include "common/dns/cookies.hh"
#include "common/dns/zone.hh"
#include "common/wire/dns.hh"
#include "common/wire/dns_answer.hh"

namespace flagfall::dns {

enum class Transport : std::uint8_t { udp, tcp };

/// Counted by one loop, read by the control thread.
struct DnsCounters {
  Counter queries, malformed, silent, answered, truncated, nxdomain, nodata, refused, notimp, badvers,
      cookies_valid, cookies_invalid, cookies_new;
  /// f(name, counter) for each, in the order above.
  template <class F>
  void for_each(F f) const;
};

/// Names that stand in no zone file and are made when they are asked for.
class Synthesis {
 public:
  virtual ~Synthesis() = default;
  /// A name that lies in one of our zones and does not exist there (`found` says so, with the zone's SOA):
  /// may be made into an answer or into NODATA. Records that it points to stay until the next query.
  virtual void look(const wire::DnsQuery& query, Lookup& found) noexcept = 0;

 protected:
  Synthesis() = default;
  Synthesis(const Synthesis&) = default;
  Synthesis& operator=(const Synthesis&) = default;
};

class FrontEnd {
 public:
  struct Options {
    std::string nsid;
    std::uint16_t udp_size = 1232;
    bool require_cookie =
        false;  // answer BADCOOKIE to a client that sends a client cookie only (RFC 7873 §5.2.3)
  };
  /// `zones` and `cookies` outlive the front end, or stay until use() brings others.
  FrontEnd(const Zones& zones, const Cookies& cookies, Options options);

  struct Result {
    enum class Action : std::uint8_t {
      silence,  // send nothing
      answer,   // room[0, length) is the answer
      race,     // an address query for a raced name: may be raced; otherwise call ordinary(), steered() or
                // refuse()
    } action = Action::silence;
    std::size_t length = 0;
    std::uint16_t service = 0;
    bool verified = false;                         // a valid server cookie came: the source is not forged
    std::array<std::uint8_t, 16> server_cookie{};  // for the order, when has_cookie
    bool has_cookie = false;
  };
  /// `query` and the result's views stay valid as long as `packet`. `now`: seconds
  /// since 1970 for cookies. `room` of at least 64 KiB for TCP, udp_size for UDP.
  Result handle(Bytes packet, const Endpoint& client, Transport transport, std::uint32_t now,
                wire::DnsQuery& query, MutableBytes room) noexcept;
  /// The ordinary answer to a query that handle() called raceable: the zone's own records.
  std::size_t ordinary(const wire::DnsQuery& query, const Result& raceable, Transport transport,
                       MutableBytes room) noexcept;

  /// An answer with these address records for the question's name instead. `scope`: the prefix length that it
  /// is true for, told to who sent a client subnet (RFC 7871 §7.2.1).
  std::size_t steered(const wire::DnsQuery& query, const Result& raceable, Transport transport,
                      const wire::PreparedRecords& records, std::uint8_t scope, MutableBytes room) noexcept;
  /// REFUSED: nobody is there to answer with.
  std::size_t refuse(const wire::DnsQuery& query, const Result& raceable, Transport transport,
                     MutableBytes room) noexcept;

  /// The answer that handle() wrote, cut to its question with TC: for a client that shall ask over TCP.
  std::size_t truncated(const wire::DnsQuery& query, const Result& result, MutableBytes room) noexcept;

  /// Makes names from now on; outlives the front end.
  void add(Synthesis& synthesis) { synthesis_ = &synthesis; }
  /// Other zones, other cookies, which stay as long; between queries.
  void use(const Zones& zones) { zones_ = &zones; }
  void use(const Cookies& cookies) { cookies_ = &cookies; }

  [[nodiscard]] const DnsCounters& counters() const { return counters_; }

 private:
  /// The zone with the longest apex that the name is in; nullptr: none of ours.
  [[nodiscard]] const Zone* zone_of(const wire::DnsQuery& query) const noexcept;
  /// Judges the client's cookies and makes the one that goes back.
  void bake(const wire::DnsQuery& query, const IpAddress& client, std::uint32_t now, Result& out) noexcept;
  std::size_t write(const wire::DnsQuery& query, const Result& result, Transport transport,
                    const Lookup& found, wire::AnswerOptions options, MutableBytes room) noexcept;
  /// The same, not counted.
  std::size_t compose(const wire::DnsQuery& query, const Result& result, Transport transport,
                      const Lookup& found, wire::AnswerOptions options, MutableBytes room) const noexcept;
  /// An answer without records.
  Result reject(const wire::DnsQuery& query, Result result, Transport transport, wire::Rcode rcode,
                std::optional<std::uint16_t> ede, MutableBytes room) noexcept;
  std::size_t answer(const wire::DnsQuery& query, const Result& result, Transport transport,
                     const Lookup& found, MutableBytes room) noexcept;

  const Zones* zones_;
  const Cookies* cookies_;
  Synthesis* synthesis_ = nullptr;
  Options options_;
  DnsCounters counters_;
};

template <class F>
void DnsCounters::for_each(F f) const {
  f("dns_queries", queries);
  f("dns_malformed", malformed);
  f("dns_silent", silent);
  f("dns_answered", answered);
  f("dns_truncated", truncated);
  f("dns_nxdomain", nxdomain);
  f("dns_nodata", nodata);
  f("dns_refused", refused);
  f("dns_notimp", notimp);
  f("dns_badvers", badvers);
  f("dns_cookies_valid", cookies_valid);
  f("dns_cookies_invalid", cookies_invalid);
  f("dns_cookies_new", cookies_new);
}

}  // namespace flagfall::dns
