// A request loop's way to the director: what a request for a service deserves by the view in the snapshot,
// which servers answer it, and with what DNS records. Pure; one object a loop; nothing allocates after
// construction.
#pragma once

#include <optional>

#include "common/base/random.hh"
#include "common/wire/dns.hh"
#include "common/wire/dns_answer.hh"
#include "master/snapshot.hh"
#include "master/teaching.hh"

namespace flagfall::master {

struct GuideOptions {
  bool client_subnet = true;  // answer for the client subnet that a resolver tells (RFC 7871)
};

class Guide {
 public:
  Guide(const GuideOptions& options, Random& random);

  struct Way {
    director::Order order;   // preferred servers
    director::Ways ways{};   // by which border each of them shall answer
    bool spare = false;      // who of their group leads is drawn by what they have to spare
    bool race = false;       // race it, if that can be; otherwise answer
    bool bound = false;      // evidence or an operator says so; never for a subnet's
    bool learning = false;   // nothing sure is known of the client's network
    Nanos wait{};            // the answer may be so late, if it is a better one then
    std::uint8_t scope = 0;  // for the answer's client subnet option
    IpAddress about;         // whose network this is about: the subnet's, or the packet's source
  };
  /// Only for services with a view. Of a DNS query, whose client subnet may be what counts;
  [[nodiscard]] Way decide(const RacedService& service, const wire::DnsQuery& query,
                           const IpAddress& client) noexcept;
  /// and by the client's address alone.
  [[nodiscard]] Way decide(const RacedService& service, const IpAddress& client) noexcept;

  struct Line {
    director::Order servers{};  // to answer with, best first; empty: nobody can be named
    bool refuse = false;        // nobody is fit, and the service then refuses,
    bool instead = false;       // or has addresses to be named instead
  };
  /// Of the servers that are `able`, at most `most`.
  [[nodiscard]] Line line_up(const RacedService& service, const Way& way, director::ServerMask able,
                             unsigned most) noexcept;
  [[nodiscard]] static Standing standing(const RacedService& service, const Way& way) noexcept {
    if (service.nobody_fit) return Standing::nobody_fit;
    return way.learning ? Standing::learning : Standing::bound;
  }
  /// What a race for this client may be run to teach.
  [[nodiscard]] static KnownSlaves known(const RacedService& service, const Way& way) noexcept;

  struct Answer {
    const wire::PreparedRecords* records = nullptr;  // until the next call; none: the zone's own
    bool refuse = false;                             // nobody is fit, and the service then refuses
    std::optional<director::ServerIndex> led{};      // the first server in it
  };
  [[nodiscard]] Answer answer(const RacedService& service, const Way& way, bool v6) noexcept;

 private:
  GuideOptions options_;
  SeededRandom lots_;
  wire::PreparedRecords several_;  // of more than one server; keeps its memory
};

}  // namespace flagfall::master
