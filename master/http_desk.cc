#include "master/http_desk.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace flagfall::master {
namespace {

/// Octets of all but a Location's changing parts, at most.
constexpr std::size_t kMostFixed = HttpLocation::kMostText + 1024;
constexpr std::string_view kAllow = "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n";
constexpr std::array<std::string_view, 7> kMethods = {"GET",    "HEAD",    "POST", "PUT",
                                                      "DELETE", "OPTIONS", "PATCH"};

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

void put(ByteWriter& out, std::string_view text) {
  out.bytes(as_bytes(text));
}
void put(ByteWriter& out, std::uint64_t number) {
  const fmt::format_int digits(number);
  put(out, std::string_view(digits.data(), digits.size()));
}

std::size_t index_of(int status) {
  const auto* const at = std::ranges::find(kHttpStatuses, status);
  return static_cast<std::size_t>(std::min(at, kHttpStatuses.end() - 1) - kHttpStatuses.begin());
}

}  // namespace

std::uint64_t HttpCounters::answers(int status) const {
  return by_status.at(index_of(status)).get();
}
void HttpCounters::count(int status) {
  ++by_status.at(index_of(status));
}

HttpDesk::HttpDesk(std::size_t services, const http::RequestLimits& limits, Random& random, RaceLog* log)
    : guide_({}, random),
      asked_(random),
      led_(services),
      most_(kMostFixed + std::tuple_size_v<HttpSites::HostRoom> + 3 * limits.target),
      log_(log) {}

void HttpDesk::take_over(std::shared_ptr<const Snapshot> snapshot) {
  assert(snapshot->http);
  snapshot_ = std::move(snapshot);
}

void HttpDesk::set_date(RealTime now) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = to_timespec(now.time_since_epoch()).tv_sec;
  std::tm t{};
  if (gmtime_r(&seconds, &t) == nullptr) return;
  const auto done = fmt::format_to_n(
      date_.data(), date_.size(), "Date: {}, {:02} {} {} {:02}:{:02}:{:02} GMT\r\n",
      kDays.at(static_cast<std::size_t>(t.tm_wday)), t.tm_mday,
      kMonths.at(static_cast<std::size_t>(t.tm_mon)), t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  date_size_ = done.size <= date_.size() ? done.size : 0;
}

std::string_view HttpDesk::last_fields(const Ending& ending) {
  if (ending.close) return "\r\nConnection: close\r\n\r\n";
  return ending.told_to_keep ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\n\r\n";
}

void HttpDesk::begin(int status, ByteWriter& out) noexcept {
  counters_.count(status);
  put(out, "HTTP/1.1 ");
  put(out, static_cast<std::uint64_t>(status));
  put(out, " ");
  put(out, reason(status));
  put(out, "\r\n");
  put(out, {date_.data(), date_size_});
}

void HttpDesk::say(int status, std::string_view fields, std::string_view why, const Ending& ending,
                   ByteWriter& out) noexcept {
  begin(status, out);
  put(out, fields);
  if (!why.empty()) put(out, "Content-Type: text/plain\r\n");
  put(out, "Cache-Control: no-store\r\nContent-Length: ");
  put(out, why.size());
  put(out, last_fields(ending));
  if (!ending.head) put(out, why);
}

void HttpDesk::redirect(const HttpSite& site, const HttpLocation& location,
                        const HttpLocation::Values& values, unsigned status, bool keep, const Ending& ending,
                        ByteWriter& out) noexcept {
  begin(static_cast<int>(status), out);
  put(out, "Location: ");
  location.write(values, out);
  // True for this client's network alone, and as long as a DNS answer of the same would be.
  if (keep && site.max_age > 0) {
    put(out, "\r\nCache-Control: private, max-age=");
    put(out, site.max_age);
  } else {
    put(out, "\r\nCache-Control: no-store");
  }
  put(out, "\r\nContent-Length: 0");
  put(out, last_fields(ending));
}

void HttpDesk::nobody(const HttpSite& site, const Ending& ending, ByteWriter& out) noexcept {
  say(503, site.retry_after, "no server is fit\n", ending, out);
}

void HttpDesk::refuse(int status, ByteWriter& out) noexcept {
  assert(out.left() >= most_);
  ++counters_.refused;
  say(status, {}, "this is no request that can be answered\n", {.close = true}, out);
}

void HttpDesk::answer(const http::Request& request, const IpAddress& client, MonoTime now, bool close,
                      ByteWriter& out) noexcept {
  assert(out.left() >= most_);
  ++counters_.requests;
  const Ending ending{close, request.minor_0 && !close, request.head};
  if (request.form == http::TargetForm::asterisk) return say(200, kAllow, {}, ending, out);
  if (std::ranges::find(kMethods, request.method) == kMethods.end()) {
    if (request.method == "TRACE") return say(405, kAllow, "requests are not sent back\n", ending, out);
    return say(501, {}, "this method is not known here\n", ending, out);
  }
  const HttpSites::Found found = snapshot_->http->find(request.host, request.path, host_);
  if (found.site == nullptr) {
    ++counters_.unknown_host;
    return say(404, {}, "no service holds this host and path\n", ending, out);
  }
  by_director(request, found, client, now, ending, out);
}

void HttpDesk::by_director(const http::Request& request, const HttpSites::Found& found,
                           const IpAddress& client, MonoTime now, const Ending& ending,
                           ByteWriter& out) noexcept {
  const HttpSite& site = *found.site;
  const RacedService& service = snapshot_->services[site.service];
  // A service that got its policies while the master runs has its director from the next start on.
  if (!service.view || !service.servers) return nobody(site, ending, out);
  const Guide::Way way = guide_.decide(service, client);
  const bool known = !way.learning && way.wait == Nanos(0);
  if (log_ != nullptr)
    if (const auto queries = asked_.tell(site.service, way.about, known, now, service.counted); queries > 0)
      log_->log(NetworkAsked{way.about, site.service, queries});
  const Guide::Line line = guide_.line_up(service, way, site.able, 1);
  const Standing standing = Guide::standing(service, way);
  if (standing == Standing::nobody_fit) ++counters_.nobody_fit;
  const bool simple = request.head || request.method == "GET";
  const unsigned status = simple ? site.status : site.status_other;
  const HttpLocation::Values values{"http", found.host, request.path};
  if (line.instead && !site.instead.empty()) {
    const HttpLocation& instead = client.family == Family::v4 ? site.instead.front() : site.instead.back();
    return redirect(site, instead, values, status, false, ending, out);
  }
  if (line.servers.empty()) return nobody(site, ending, out);
  const director::ServerIndex server = line.servers.best();
  if (standing == Standing::bound) ++counters_.bound;
  if (standing == Standing::learning) ++counters_.learning;
  if (site.service < led_.size()) ++led_[site.service].at(server);
  redirect(site, *site.locations[server], values, status, simple && known && standing == Standing::bound,
           ending, out);
}

}  // namespace flagfall::master
