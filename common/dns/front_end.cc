#include "common/dns/front_end.hh"

#include <algorithm>
#include <cassert>

#include "common/dns/zone_name.hh"

namespace flagfall::dns {
namespace {

namespace rr = wire::rrtype;
using wire::QueryVerdict;
using wire::Rcode;

// RFC 8914 §4
constexpr std::uint16_t kProhibited = 18, kNotReady = 14, kNotAuthoritative = 20, kNotSupported = 21;
constexpr unsigned kTruncated = 0x02;  // TC and AA, in the third octet of an answer
constexpr unsigned kAuthoritative = 0x04;

/// Errors before any zone is looked at: what to answer, or noerror to go on.
struct Rejection {
  Rcode rcode = Rcode::noerror;
  std::optional<std::uint16_t> ede;
};

/// By the question alone: class, and the types that ask for no records (RFC 6895 §3.1).
Rejection judge(const wire::DnsQuery& query) {
  if (query.klass != wire::kClassIn) return {Rcode::refused, kNotAuthoritative};
  switch (query.type) {
    case rr::kAxfr:
    case rr::kIxfr:
      return {Rcode::refused, kProhibited};
    case rr::kMailb:
    case rr::kMaila:
      return {Rcode::notimp, kNotSupported};
    case rr::kOpt:
    case rr::kTkey:
    case rr::kTsig:
    case 0:
      return {Rcode::formerr, {}};
    default:
      return {};
  }
}

Rcode rcode_of(Lookup::Kind kind) {
  switch (kind) {
    case Lookup::Kind::nxdomain:
      return Rcode::nxdomain;
    case Lookup::Kind::too_long:
      return Rcode::yxdomain;
    case Lookup::Kind::other_zone:
      return Rcode::refused;
    case Lookup::Kind::answer:
    case Lookup::Kind::referral:
    case Lookup::Kind::nodata:
      return Rcode::noerror;
  }
  return Rcode::servfail;
}

}  // namespace

FrontEnd::FrontEnd(const Zones& zones, const Cookies& cookies, Options options)
    : zones_(&zones), cookies_(&cookies), options_(std::move(options)) {
  assert(options_.udp_size >= wire::kPlainUdpSize);
}

const Zone* FrontEnd::zone_of(const wire::DnsQuery& query) const noexcept {
  const Bytes name = query.name_bytes();
  const Zone* best = nullptr;
  const Zone* own = nullptr;
  for (const auto& zone : *zones_) {
    const Bytes apex = zone->apex();
    if (!at_or_below(name, apex)) continue;
    if (query.type == rr::kDs && apex.size() == name.size()) {
      own = zone.get();  // DS belongs to the parent, if we serve it as well (RFC 4035 §3.1.4.1)
    } else if (best == nullptr || apex.size() > best->apex().size()) {
      best = zone.get();
    }
  }
  return best != nullptr ? best : own;
}

void FrontEnd::bake(const wire::DnsQuery& query, const IpAddress& client, std::uint32_t now,
                    Result& out) noexcept {
  if (!query.client_cookie) return;
  out.has_cookie = true;
  if (query.server_cookie.empty()) {
    ++counters_.cookies_new;
  } else {
    const auto verdict = cookies_->check(*query.client_cookie, query.server_cookie, client, now);
    out.verified = verdict != Cookies::Verdict::invalid;
    ++(out.verified ? counters_.cookies_valid : counters_.cookies_invalid);
    if (verdict == Cookies::Verdict::valid) {  // still good for half an hour: it goes back as it came
      std::ranges::copy(query.server_cookie, out.server_cookie.begin());
      return;
    }
  }
  out.server_cookie = cookies_->make(*query.client_cookie, client, now);
}

std::size_t FrontEnd::write(const wire::DnsQuery& query, const Result& result, Transport transport,
                            const Lookup& found, wire::AnswerOptions options, MutableBytes room) noexcept {
  const std::size_t length = compose(query, result, transport, found, options, room);
  ++counters_.answered;
  if ((room[2] & kTruncated) != 0) ++counters_.truncated;
  return length;
}

std::size_t FrontEnd::compose(const wire::DnsQuery& query, const Result& result, Transport transport,
                              const Lookup& found, wire::AnswerOptions options,
                              MutableBytes room) const noexcept {
  options.nsid = as_bytes(options_.nsid);
  options.our_udp_size = options_.udp_size;
  if (result.has_cookie) options.server_cookie = result.server_cookie;
  const std::size_t limit =
      transport == Transport::tcp ? wire::kMaxDnsMessage : wire::udp_limit(query, options_.udp_size);
  const wire::AnswerSections sections{found.answer, found.authority, found.additional,
                                      found.additional_required};
  return wire::write_answer(query, sections, options, limit, room);
}

FrontEnd::Result FrontEnd::reject(const wire::DnsQuery& query, Result result, Transport transport,
                                  Rcode rcode, std::optional<std::uint16_t> ede, MutableBytes room) noexcept {
  if (rcode == Rcode::formerr) ++counters_.malformed;
  if (rcode == Rcode::notimp) ++counters_.notimp;
  if (rcode == Rcode::refused) ++counters_.refused;
  if (rcode == Rcode::badvers) ++counters_.badvers;
  result.action = Result::Action::answer;
  result.length =
      write(query, result, transport, {}, {.rcode = rcode, .authoritative = false, .ede = ede}, room);
  return result;
}

std::size_t FrontEnd::answer(const wire::DnsQuery& query, const Result& result, Transport transport,
                             const Lookup& found, MutableBytes room) noexcept {
  if (found.kind == Lookup::Kind::nxdomain) ++counters_.nxdomain;
  if (found.kind == Lookup::Kind::nodata) ++counters_.nodata;
  return write(query, result, transport, found,
               {.rcode = rcode_of(found.kind), .authoritative = found.kind != Lookup::Kind::referral}, room);
}

FrontEnd::Result FrontEnd::handle(Bytes packet, const Endpoint& client, Transport transport,
                                  std::uint32_t now, wire::DnsQuery& query, MutableBytes room) noexcept {
  ++counters_.queries;
  Result result;
  const auto no = [&](Rcode rcode, std::optional<std::uint16_t> ede = {}) {
    return reject(query, result, transport, rcode, ede, room);
  };
  switch (wire::parse_query(packet, query)) {
    case QueryVerdict::silence:
      ++counters_.silent;
      return result;
    case QueryVerdict::formerr:
      return no(Rcode::formerr);
    case QueryVerdict::notimp:
      return no(Rcode::notimp, kNotSupported);
    case QueryVerdict::badvers:
      return no(Rcode::badvers);
    case QueryVerdict::ok:
      break;
  }
  bake(query, client.ip, now, result);
  const bool forgeable = transport == Transport::udp && !result.verified;
  if (query.name_length == 0)  // asks for just a cookie (RFC 7873 §5.4)
    return no(query.server_cookie.empty() || result.verified ? Rcode::noerror : Rcode::badcookie);
  if (options_.require_cookie && result.has_cookie && forgeable) return no(Rcode::badcookie);
  if (const Rejection rejection = judge(query); rejection.rcode != Rcode::noerror)
    return no(rejection.rcode, rejection.ede);
  const Zone* zone = zone_of(query);
  if (zone == nullptr) return no(Rcode::refused, kNotAuthoritative);

  Lookup found = zone->find(query.name_bytes(), query.type);
  if (found.kind == Lookup::Kind::nxdomain && synthesis_ != nullptr) synthesis_->look(query, found);
  const bool address = query.type == rr::kA || query.type == rr::kAaaa;
  if (found.kind == Lookup::Kind::answer && found.service >= 0 && address) {
    result.action = Result::Action::race;
    result.service = static_cast<std::uint16_t>(found.service);
    return result;
  }
  result.action = Result::Action::answer;
  result.length = answer(query, result, transport, found, room);
  return result;
}

std::size_t FrontEnd::truncated(const wire::DnsQuery& query, const Result& result,
                                MutableBytes room) noexcept {
  const auto rcode = static_cast<Rcode>(room[3] & 0x0f);
  const bool authoritative = (room[2] & kAuthoritative) != 0;
  if ((room[2] & kTruncated) == 0) ++counters_.truncated;
  return compose(query, result, Transport::udp, {},
                 {.rcode = rcode, .authoritative = authoritative, .truncated = true}, room);
}

std::size_t FrontEnd::ordinary(const wire::DnsQuery& query, const Result& raceable, Transport transport,
                               MutableBytes room) noexcept {
  const Zone* zone = zone_of(query);
  assert(zone != nullptr);
  return answer(query, raceable, transport, zone->find(query.name_bytes(), query.type), room);
}

std::size_t FrontEnd::steered(const wire::DnsQuery& query, const Result& raceable, Transport transport,
                              const wire::PreparedRecords& records, std::uint8_t scope,
                              MutableBytes room) noexcept {
  Lookup found;
  found.kind = Lookup::Kind::answer;
  found.answer = &records;
  return write(query, raceable, transport, found, {.subnet_scope = scope}, room);
}

std::size_t FrontEnd::refuse(const wire::DnsQuery& query, const Result& raceable, Transport transport,
                             MutableBytes room) noexcept {
  return reject(query, raceable, transport, Rcode::refused, kNotReady, room).length;
}

}  // namespace flagfall::dns
